import { parseDuration } from "../../api/duration.ts";
import { badRequest, timeout } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import { isLongRunning } from "../request-info.ts";
import type { Filter, RequestContext } from "./context.ts";

/** Upstream's default of --request-timeout. */
export const REQUEST_DEADLINE_MS = 60_000;

/**
 * Answers 504 where a request that is not long-running takes longer than `limitMs`, or than its own `timeout`; `onExpired`
 * is told of it.
 */
export function requestDeadline(
  clock: Clock,
  limitMs: number,
  onExpired: (context: RequestContext) => void = () => {},
): Filter {
  return (context, next) => {
    if (isLongRunning(context.info)) return next(context);
    const allowed = allowedMs(context, limitMs);
    context.deadlineMs = allowed;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const timer = clock.after(allowed, () => {
        isOver = true;
        onExpired(context);
        reject(timeout("request did not complete within the allotted timeout"));
      });
      const failed = (error: unknown) => {
        timer.cancel();
        reject(error);
      };
      try {
        next(context).then((reply) => {
          timer.cancel();
          if (isOver) reply.sent?.();
          resolve(reply);
        }, failed);
      } catch (error) {
        failed(error);
      }
    });
  };
}

/** The request's own timeout, where it is one that counts: nothing or less means the server's. Throws a 400. */
function allowedMs({ request }: RequestContext, limitMs: number): number {
  const asked = request.query.get("timeout");
  if (!asked) return limitMs;
  try {
    const own = parseDuration(asked);
    return own > 0 ? Math.min(own, limitMs) : limitMs;
  } catch (error) {
    throw badRequest(`invalid timeout specified in the request URL - ${(error as Error).message}`);
  }
}
