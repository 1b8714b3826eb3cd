import type { Http2Session } from "node:http2";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";

/** How many streams of a connection its client may break off: so many at once, and so many a second in the long run. */
export interface ResetLimits {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * Ending a watch is a reset, and a client with many informers, or one that waits for many things one after the other, ends
 * a lot of them: Node's own limits (1,000 and 33 a second) send such a client away. These keep the protection from rapid
 * resets (CVE-2023-44487). What is broken off has passed authentication and the limits on requests in flight like any other
 * request, and its work is cancelled; a client that asks a thousand times a second costs as much without resets.
 */
export const RESET_LIMITS: ResetLimits = { burst: 10_000, perSecond: 1_000 };

/**
 * Counts as nghttp2 does, which sends the client away without telling anybody: so that it is in the log, once for each
 * connection.
 */
export function resetObserver(
  limits: ResetLimits,
  { clock, logger }: { clock: Clock; logger: Logger },
): (session: Http2Session) => void {
  const sessions = new WeakMap<Http2Session, { left: number; at: number; told: boolean }>();
  return (session) => {
    const now = Math.floor(clock.monotonic() / 1000);
    let count = sessions.get(session);
    if (!count) {
      count = { left: limits.burst, at: now, told: false };
      sessions.set(session, count);
    }
    count.left = Math.min(limits.burst, count.left + (now - count.at) * limits.perSecond) - 1;
    count.at = now;
    if (count.left > 0 || count.told) return;
    count.told = true;
    const client = session.destroyed ? undefined : session.socket.remoteAddress;
    logger.warn("a client breaks off too many requests on one connection: with the next one it is told to go away", {
      client,
    });
  };
}
