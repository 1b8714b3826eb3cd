import { badRequest, timeout } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import { isLongRunning } from "../request-info.ts";
import type { Filter } from "./context.ts";

/** Upstream's default of --request-timeout. */
export const REQUEST_DEADLINE_MS = 60_000;

/** Answers 504 where a request that is not long-running takes longer than `limitMs`, or than its own `timeout`. */
export function requestDeadline(clock: Clock, limitMs: number): Filter {
  return async (context, next) => {
    if (isLongRunning(context.info)) return next(context);
    const asked = context.request.query.get("timeout");
    const allowed = asked ? Math.min(limitMs, parseGoDuration(asked)) : limitMs;
    context.deadlineMs = allowed;
    let cancel: () => void = () => {};
    const expired = new Promise<never>((_, reject) => {
      const timer = clock.after(allowed, () => reject(timeout("request did not complete within the allotted timeout")));
      cancel = () => timer.cancel();
    });
    try {
      return await Promise.race([next(context), expired]);
    } finally {
      cancel();
    }
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 };

/** A Go duration ("1m30s") in ms; 0 means the server's own limit. Throws a 400 where it is none. */
function parseGoDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  if (text !== "0" && (parts.length === 0 || parts.map((part) => part[0]).join("") !== text)) {
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`);
  }
  const ms = parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNIT_MS[unit!]!, 0);
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}
