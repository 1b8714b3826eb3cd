import { StatusError, serviceUnavailable } from "../api/status-error.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import { StoreRefusedError, StoreUnavailableError } from "../store/store.ts";
import { ANONYMOUS } from "./authentication/union.ts";
import { errorReply } from "./error-reply.ts";
import type { Endpoint, RequestContext } from "./filters/context.ts";
import { withWarnings } from "./filters/warnings.ts";
import { compressed, isWorthCompressing } from "./http/compression.ts";
import { type ApiRequest, type Handler, header, type Reply } from "./http/exchange.ts";
import type { RequestMetrics } from "./metrics/request-metrics.ts";
import { requestInfo } from "./request-info.ts";

/** A client may give its request an identity of its own, up to this long. */
const AUDIT_ID_LIMIT = 64;

export interface RequestHandler {
  readonly handle: Handler;
  /** Resolves when no request is being worked on; a stream that is being sent does not count. */
  idle(): Promise<void>;
}

/**
 * The outside of the server: makes a context for each request, hands it to the filters and endpoints behind `serve`, and
 * turns whatever happens there into an answer. Never rejects.
 */
export function requestHandler(options: {
  serve: Endpoint;
  metrics: RequestMetrics;
  clock: Clock;
  random: Random;
  logger: Logger;
}): RequestHandler {
  const { serve, metrics, clock, random, logger } = options;
  let running = 0;
  const waiting: (() => void)[] = [];
  const handle: Handler = async (request) => {
    const started = clock.monotonic();
    const given = header(request, "audit-id");
    const context: RequestContext = {
      request,
      info: requestInfo(request),
      auditId: given && given.length <= AUDIT_ID_LIMIT && /^[\x21-\x7e]+$/.test(given) ? given : random.uuid(),
      user: ANONYMOUS,
      warnings: [],
      responseHeaders: {},
      startedAt: started,
    };
    let reply: Reply;
    running++;
    try {
      reply = await serve(context);
    } catch (error) {
      if (isGone(error, request)) metrics.aborted(context);
      reply = await failed(error, context, logger);
    } finally {
      running--;
      if (running === 0) for (const wake of waiting.splice(0)) wake();
    }
    const answered = metrics.answered(context, reply, (clock.monotonic() - started) / 1000);
    if (answered.upgrade) return answered;
    return finished(isWorthCompressing(request, answered) ? await compressed(answered) : answered, context);
  };
  return {
    handle,
    idle: () => (running === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
  };
}

/** An error as an answer. What is no StatusError is a mistake of ours: it is logged, and does not end the server. */
async function failed(error: unknown, { request, auditId }: RequestContext, logger: Logger): Promise<Reply> {
  if (error instanceof StoreUnavailableError) {
    logger.error("the store can't be written", { error });
    return errorReply(serviceUnavailable(error.message), request);
  }
  if (error instanceof StoreRefusedError) {
    logger.warn("the store refused a request", { method: request.method, path: request.path, error });
    return errorReply(refusal(error), request);
  }
  if (!(error instanceof StatusError) && !isGone(error, request)) {
    logger.error("a request failed", {
      method: request.method,
      path: request.path,
      auditId,
      error,
      stack: stack(error),
    });
  }
  return errorReply(error, request);
}

/** As upstream passes on what etcd says: `etcdserver: request is too large`. */
function refusal({ message }: StoreRefusedError): StatusError {
  return new StatusError({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code: 500 });
}

const stack = (error: unknown) => (error instanceof Error ? error.stack : undefined);

/** Whether the client went away in the middle: then nobody waits for the answer. */
function isGone(error: unknown, request: ApiRequest): boolean {
  if (error instanceof StatusError) return false;
  return error instanceof Error && (error.name === "AbortError" || request.signal.aborted);
}

function finished(reply: Reply, context: RequestContext): Reply {
  const { auditId, responseHeaders, warnings } = context;
  const headers = { "audit-id": auditId, "cache-control": "no-cache, private", ...responseHeaders, ...reply.headers };
  return withWarnings({ ...reply, headers }, warnings);
}
