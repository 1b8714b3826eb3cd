import { isForbidden } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Filter, RequestContext } from "../filters/context.ts";

/** Doubling from a millisecond, fifteen times. */
const BUCKETS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);

/** A filter, and what is told of it when it has let a request through (no error) or refused it. */
function observed(
  clock: Clock,
  filter: Filter,
  observe: (context: RequestContext, seconds: number, error?: unknown) => void,
): Filter {
  return async (context, next) => {
    const started = clock.monotonic();
    const seconds = () => (clock.monotonic() - started) / 1000;
    let isPassed = false;
    try {
      return await filter(context, (passed) => {
        isPassed = true;
        observe(passed, seconds());
        return next(passed);
      });
    } catch (error) {
      if (!isPassed) observe(context, seconds(), error);
      throw error;
    }
  };
}

/** Counts how authentication ends, under upstream's names. */
export function withAuthenticationMetrics(filter: Filter, registry: MetricsRegistry, clock: Clock): Filter {
  const attempts = registry.counter("authentication_attempts", "Attempts to authenticate, by result.", ["result"]);
  const duration = registry.histogram("authentication_duration_seconds", "Time they took.", BUCKETS, ["result"]);
  const users = registry.counter("authenticated_user_requests", "Requests by the kind of user.", ["username"]);
  const of = (result: string) => ({ attempts: attempts.with(result), duration: duration.with(result) });
  const [success, failure] = [of("success"), of("failure")];
  return observed(clock, filter, (context, seconds, error) => {
    const { attempts, duration } = error === undefined ? success : failure;
    attempts.add();
    duration.observe(seconds);
    if (error === undefined) users.with(kindOfUser(context.user.name)).add();
  });
}

/** Counts how authorization decides, under upstream's names. */
export function withAuthorizationMetrics(filter: Filter, registry: MetricsRegistry, clock: Clock): Filter {
  const attempts = registry.counter("authorization_attempts_total", "Authorizations, by result.", ["result"]);
  const duration = registry.histogram("authorization_duration_seconds", "Time they took.", BUCKETS, ["result"]);
  const of = (result: string) => ({ attempts: attempts.with(result), duration: duration.with(result) });
  const [allowed, denied, failed] = [of("allowed"), of("denied"), of("error")];
  return observed(clock, filter, (_context, seconds, error) => {
    const { attempts, duration } = error === undefined ? allowed : isForbidden(error) ? denied : failed;
    attempts.add();
    duration.observe(seconds);
  });
}

/** Names of users must not become series without end, nor be told to who reads metrics. */
function kindOfUser(name: string): string {
  if (name === "admin" || name === "client" || name === "kube_proxy" || name === "kubelet") return name;
  if (name === "system:serviceaccount:kube-system:default") return name;
  return name.includes("@") ? "email_id" : "other";
}
