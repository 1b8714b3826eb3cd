import { createHash } from "node:crypto";
import type { Clock } from "../../../base/clock.ts";
import type { MetricsRegistry } from "../../../base/metrics.ts";

/** What JWT issuers are measured by, under upstream's names. Issuers are shown by their SHA-256 only. */
export interface JwtMetrics {
  authenticated(issuer: string, succeeded: boolean, seconds: number): void;
  keysFetched(issuer: string, succeeded: boolean): void;
}

const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

export function jwtMetrics(registry: MetricsRegistry, clock: Clock): JwtMetrics {
  const latency = registry.histogram(
    "apiserver_authentication_jwt_authenticator_latency_seconds",
    "How long it took to authenticate by a JWT.",
    BUCKETS,
    ["result", "jwt_issuer_hash"],
  );
  const fetched = registry.gauge(
    "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds",
    "When the keys of an issuer were last fetched, by outcome.",
    ["result", "jwt_issuer_hash", "apiserver_id_hash"],
  );
  const hash = (issuer: string) => `sha256:${createHash("sha256").update(issuer).digest("hex")}`;
  const result = (succeeded: boolean) => (succeeded ? "success" : "failure");
  return {
    authenticated: (issuer, succeeded, seconds) => latency.with(result(succeeded), hash(issuer)).observe(seconds),
    keysFetched: (issuer, succeeded) => fetched.with(result(succeeded), hash(issuer), "").set(clock.now() / 1000),
  };
}
