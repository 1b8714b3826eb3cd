import type { Clock } from "../../base/clock.ts";
import type { Endpoint, Filter, RequestContext } from "../filters/context.ts";
import type { InFlight } from "../filters/max-in-flight.ts";
import { bodyLength } from "../http/body.ts";
import { isStream, type Reply } from "../http/exchange.ts";
import { whenEnded } from "../http/reply-end.ts";
import { tooManyRequestsReply } from "../http/status-reply.ts";
import { isLongRunning, isReading } from "../request-info.ts";
import type { Classification, FlowControl } from "./flow-control.ts";
import type { FlowControlMetrics } from "./metrics.ts";
import { RetryAfter } from "./retry-after.ts";
import { WatchCount } from "./watch-count.ts";
import { estimateWork, seatsOf, type WorkFacts } from "./work-estimate.ts";

/** However long a request may take, it does not wait longer than this for its turn. */
const LONGEST_WAIT_MS = 60_000;

export interface FairnessOptions {
  control: FlowControl;
  metrics: FlowControlMetrics;
  clock: Clock;
  /** A request may wait for a quarter of this, or of what it allows itself. */
  requestTimeoutMs: number;
  stored: WorkFacts["stored"];
  /** Kept up to date for the metrics. */
  inFlight: InFlight;
  /** Called for each request that is answered 429. */
  onRefused(context: RequestContext): void;
}

/**
 * Priority and fairness (KEP-1040): lets each request through when its priority level has seats for it, keeps it waiting
 * until then, and answers 429 where its queue is full or its wait too long. Long-running requests are not counted, apart
 * from the start of watches. Costs an uncontended request 2–4 µs (measured).
 */
export function priorityAndFairness(options: FairnessOptions): Filter {
  const { control, metrics, clock, requestTimeoutMs, stored, inFlight } = options;
  const watches = new WatchCount();
  const retryAfter = new RetryAfter(clock);
  const facts: WorkFacts = { stored, watchers: (info) => watches.concernedBy(info) };

  const refused = (context: RequestContext, { level }: Classification): Reply => {
    options.onRefused(context);
    return tooManyRequestsReply(retryAfter.refused(level.name));
  };

  return async (context, next) => {
    const { info, user, request } = context;
    const isWatch = info.isResource && info.verb === "watch";
    if (!isWatch && isLongRunning(info)) return next(context);
    const found = control.classify(info, user);
    const { schema, level, distinguisher } = found;
    const schemaName = schema.metadata?.name ?? "";
    context.responseHeaders["x-kubernetes-pf-flowschema-uid"] = schema.metadata?.uid ?? "";
    context.responseHeaders["x-kubernetes-pf-prioritylevel-uid"] = level.configuration.metadata?.uid ?? "";

    const flow = level.metrics.flow(schemaName);
    const work = estimateWork(info, request.query, level.maxSeats, facts, (count) => flow.watchCount.observe(count));
    flow.estimatedSeats.observe(seatsOf(work));
    const ticket = level.queueSet.start({ schema: schemaName, distinguisher, info, user, work, metrics: flow });
    const kind = isReading(info) ? "readOnly" : "mutating";
    const counted = kind === "readOnly" ? "reading" : "mutating";
    if (ticket.state === "waiting") {
      const waiting = metrics.kind(kind, "waiting");
      waiting.add(1, clock.monotonic());
      const allowed = context.deadlineMs ?? requestTimeoutMs;
      const executes = await level.queueSet.wait(ticket, Math.min(allowed / 4, LONGEST_WAIT_MS), request.signal);
      const now = clock.monotonic();
      context.waitedMs = now - ticket.arrivedAt;
      waiting.add(-1, now);
      if (!executes) return refused(context, found);
    } else if (ticket.state === "refused") {
      return refused(context, found);
    }
    const executing = metrics.kind(kind, "executing");
    executing.add(1, ticket.startedAt);
    inFlight[counted]++;
    const finish = () => {
      if (ticket.state !== "executing") return;
      inFlight[counted]--;
      level.queueSet.finish(ticket);
      const now = clock.monotonic();
      executing.add(-1, now);
      flow.execution(isWatch ? "watch" : "regular").observe((now - ticket.startedAt) / 1000);
    };
    try {
      const reply = await (isWatch ? watch(context, next, watches) : next(context));
      if (!takesTimeToSend(reply)) {
        finish();
        return reply;
      }
      // Much of what a big answer costs is its way out: it keeps its seats until then, if that is not too long.
      const limit = clock.after(context.deadlineMs ?? requestTimeoutMs, finish);
      const sent = () => {
        limit.cancel();
        finish();
        reply.sent?.();
      };
      return { ...reply, sent };
    } catch (error) {
      finish();
      throw error;
    }
  };
}

/** An answer of this size and more costs more to send than to make. */
const BIG_BYTES = 128 * 1024;

function takesTimeToSend({ body }: Reply): boolean {
  if (body === undefined || isStream(body)) return false;
  return (bodyLength(body) ?? BIG_BYTES) >= BIG_BYTES;
}

/** A watch is counted, for those who write, from its start to its end. */
async function watch(context: RequestContext, next: Endpoint, watches: WatchCount): Promise<Reply> {
  const forget = watches.register(context.info);
  try {
    return whenEnded(context.request, await next(context), forget);
  } catch (error) {
    forget();
    throw error;
  }
}
