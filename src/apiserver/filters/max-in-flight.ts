import { MASTERS_GROUP } from "../authorization/union.ts";
import { tooManyRequestsReply } from "../http/status-reply.ts";
import { isLongRunning, isReading } from "../request-info.ts";
import type { Filter, RequestContext } from "./context.ts";

/** Upstream's defaults of --max-requests-inflight and --max-mutating-requests-inflight. */
export const MAX_READING = 400;
export const MAX_MUTATING = 200;
/** What a refused client is told to wait. */
const RETRY_AFTER_SECONDS = 1;

/** Requests being executed, without long-running ones. */
export interface InFlight {
  reading: number;
  mutating: number;
}

/**
 * Refuses requests beyond so many at once (0: no limit) with a 429, apart from long-running ones and those of
 * `system:masters`. `inFlight` is kept up to date for the metrics, `onRefused` told of each that is refused.
 */
export function maxInFlight(
  limits: { reading: number; mutating: number },
  inFlight: InFlight,
  onRefused: (context: RequestContext) => void = () => {},
): Filter {
  return async (context, next) => {
    if (isLongRunning(context.info)) return next(context);
    const kind = isReading(context.info) ? "reading" : "mutating";
    const limit = limits[kind];
    if (limit > 0 && inFlight[kind] >= limit && !context.user.groups.includes(MASTERS_GROUP)) {
      onRefused(context);
      return tooManyRequestsReply(RETRY_AFTER_SECONDS);
    }
    inFlight[kind]++;
    try {
      return await next(context);
    } finally {
      inFlight[kind]--;
    }
  };
}
