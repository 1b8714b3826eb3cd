import { internalError } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import type { Filter, RequestContext } from "../filters/context.ts";
import { header } from "../http/exchange.ts";
import { whenEnded } from "../http/reply-end.ts";
import { isLongRunning } from "../request-info.ts";
import type { WebhookCaller } from "../webhook/webhook-client.ts";
import { type AuditBackend, type AuditMetrics, auditMetrics } from "./backend.ts";
import { type AuditStage, atLeast } from "./event.ts";
import { type AuditPolicy, policyEvaluator } from "./policy.ts";
import { AuditRecord, isFailureOfOurs } from "./record.ts";
import { responseObject } from "./response-object.ts";

/** What auditing needs from the server. */
export interface AuditServices {
  clock: Clock;
  random: Random;
  logger: Logger;
  registry: MetricsRegistry;
  webhooks: WebhookCaller;
}

/** A backend, and whether a request is refused whose first event it does not take. */
export interface AuditSink {
  readonly backend: AuditBackend;
  readonly strict: boolean;
}

/** How a server audits: made from flags by `prepareAuditing`, or by a program that embeds the server. */
export interface AuditingOptions {
  readonly policy: AuditPolicy;
  sinks(services: AuditServices & { metrics: AuditMetrics }): readonly AuditSink[];
}

export interface Auditing {
  /** Authentication, then the recording of what comes after it. A request that authentication refuses is recorded too. */
  after(authentication: Filter): Filter;
  /** Sends on what is held back. */
  close(): Promise<void>;
}

/** Records requests by a policy, as https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/ describes. */
export function auditing({ policy, sinks: makeSinks }: AuditingOptions, services: AuditServices): Auditing {
  const { clock, logger, registry } = services;
  const metrics = auditMetrics(registry);
  const decide = policyEvaluator(policy);
  const sinks = makeSinks({ ...services, metrics });

  /** False: a strict backend did not take the event. */
  const emit = async (record: AuditRecord, stage: AuditStage): Promise<boolean> => {
    const event = record.at(stage, clock.now());
    if (!event) return true;
    metrics.events.add();
    let isTaken = true;
    await Promise.all(
      sinks.map(async ({ backend, strict }) => {
        try {
          await backend.process([event]);
        } catch (error) {
          metrics.lost(backend.name, 1);
          logger.error("an audit event was lost", { backend: backend.name, auditID: event.auditID, error });
          if (strict) isTaken = false;
        }
      }),
    );
    return isTaken;
  };
  const receivedAt = (context: RequestContext) => clock.now() - (clock.monotonic() - context.startedAt);

  const filter: Filter = async (context, next) => {
    const { info, request } = context;
    const decision = decide(info, context.user);
    metrics.level(decision.level);
    if (decision.level === "None") return next(context);
    const record = new AuditRecord(context, decision, receivedAt(context), context.user);
    context.audit = record;
    if (!(await emit(record, "RequestReceived"))) {
      metrics.rejected.add();
      throw internalError("failed to store audit event");
    }
    try {
      const reply = await next(context);
      const wanted = atLeast(record.level, "RequestResponse") || info.verb === "delete" || reply.status >= 400;
      record.response(reply.upgrade ? 101 : reply.status, wanted ? await responseObject(reply) : undefined);
      if (!isLongRunning(info)) {
        await emit(record, "ResponseComplete");
        return reply;
      }
      await emit(record, "ResponseStarted");
      return whenEnded(request, reply, () => void emit(record, "ResponseComplete"));
    } catch (error) {
      record.failed(error);
      const isPanic = isFailureOfOurs(error);
      if (!isPanic && isLongRunning(info)) await emit(record, "ResponseStarted");
      await emit(record, isPanic ? "Panic" : "ResponseComplete");
      throw error;
    }
  };

  const unauthenticated = async (context: RequestContext) => {
    const decision = decide(context.info);
    metrics.level(decision.level);
    if (decision.level === "None") return;
    const record = new AuditRecord(context, decision, receivedAt(context));
    const tried = attempted(context);
    const message = tried === "" ? "no credentials provided" : `attempted: ${tried}`;
    record.response(401, { kind: "Status", apiVersion: "v1", message: `Authentication failed, ${message}` });
    await emit(record, "ResponseStarted");
  };

  return {
    after: (authentication) => async (context, next) => {
      let isKnown = false;
      try {
        return await authentication(context, (authenticated) => {
          isKnown = true;
          return filter(authenticated, next);
        });
      } catch (error) {
        if (!isKnown) await unauthenticated(context);
        throw error;
      }
    },
    async close() {
      await Promise.all(sinks.map(({ backend }) => backend.close()));
    },
  };
}

/** The kinds of credentials in a request. */
function attempted({ request }: RequestContext): string {
  const scheme = header(request, "authorization")?.split(" ")[0]?.toLowerCase();
  const methods = [
    ...(scheme === "basic" ? ["basic"] : []),
    ...(scheme === "bearer" ? ["bearer"] : []),
    ...(request.certificate || request.certificateError !== undefined ? ["x509"] : []),
  ];
  return methods.join(", ");
}
