import { isForbidden } from "../../api/status-error.ts";
import type { Counter, MetricsRegistry } from "../../base/metrics.ts";
import type { DecisionObserver } from "../filters/observer.ts";

/** Doubling from a millisecond, fifteen times. */
const BUCKETS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);

/** Counts how authentication ends, under upstream's names. */
export function authenticationMetrics(registry: MetricsRegistry): DecisionObserver {
  const attempts = registry.counter("authentication_attempts", "Attempts to authenticate, by result.", ["result"]);
  const duration = registry.histogram("authentication_duration_seconds", "Time they took.", BUCKETS, ["result"]);
  const users = registry.counter("authenticated_user_requests", "Requests by the kind of user.", ["username"]);
  const of = (result: string) => ({ attempts: attempts.with(result), duration: duration.with(result) });
  const [success, failure] = [of("success"), of("failure")];
  const kinds = new Map<string, Counter>();
  const kindOf = (name: string): Counter => {
    const kind = kindOfUser(name);
    let counter = kinds.get(kind);
    if (!counter) {
      counter = users.with(kind);
      kinds.set(kind, counter);
    }
    return counter;
  };
  return (context, seconds, error) => {
    const { attempts, duration } = error === undefined ? success : failure;
    attempts.add();
    duration.observe(seconds);
    if (error === undefined) kindOf(context.user.name).add();
  };
}

/** Counts how authorization decides, under upstream's names. */
export function authorizationMetrics(registry: MetricsRegistry): DecisionObserver {
  const attempts = registry.counter("authorization_attempts_total", "Authorizations, by result.", ["result"]);
  const duration = registry.histogram("authorization_duration_seconds", "Time they took.", BUCKETS, ["result"]);
  const of = (result: string) => ({ attempts: attempts.with(result), duration: duration.with(result) });
  const [allowed, denied, failed] = [of("allowed"), of("denied"), of("error")];
  return (_context, seconds, error) => {
    const { attempts, duration } = error === undefined ? allowed : isForbidden(error) ? denied : failed;
    attempts.add();
    duration.observe(seconds);
  };
}

/** Names of users must not become series without end, nor be told to who reads metrics. */
function kindOfUser(name: string): string {
  if (name === "admin" || name === "client" || name === "kube_proxy" || name === "kubelet") return name;
  if (name === "system:serviceaccount:kube-system:default") return name;
  return name.includes("@") ? "email_id" : "other";
}
