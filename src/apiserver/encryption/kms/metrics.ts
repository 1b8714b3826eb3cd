import { createHash } from "node:crypto";
import type { Clock } from "../../../base/clock.ts";
import type { MetricsRegistry } from "../../../base/metrics.ts";

/** What KMS plugins and their keys are measured by, under upstream's names. Key ids are shown by their SHA-256 only. */
export interface KmsMetrics {
  call(provider: string, method: string, code: string, seconds: number): void;
  keyIdUsed(direction: "from_storage" | "to_storage", provider: string, keyId: string): void;
  keyIdFromStatus(provider: string, keyId: string): void;
  invalidKeyId(provider: string, code: string): void;
  cacheMiss(): void;
  dataKeyGenerated(seconds: number): void;
}

const doubling = (first: number, count: number): number[] => Array.from({ length: count }, (_, at) => first * 2 ** at);

export function kmsMetrics(registry: MetricsRegistry, clock: Clock): KmsMetrics {
  const key = "apiserver_envelope_encryption_key_id_hash";
  const used = registry.counter(`${key}_total`, "Uses of a key, by its hash.", [
    "transformation_type",
    "provider_name",
    "key_id_hash",
    "apiserver_id_hash",
  ]);
  const usedAt = registry.gauge(`${key}_last_timestamp_seconds`, "When a key was last used.", [
    "transformation_type",
    "provider_name",
    "key_id_hash",
    "apiserver_id_hash",
  ]);
  const statusAt = registry.gauge(`${key}_status_last_timestamp_seconds`, "When a plugin last named a key.", [
    "provider_name",
    "key_id_hash",
    "apiserver_id_hash",
  ]);
  const invalid = registry.counter(
    "apiserver_envelope_encryption_invalid_key_id_from_status_total",
    "Answers of a plugin's status with a bad key id.",
    ["provider_name", "error"],
  );
  const calls = registry.histogram(
    "apiserver_envelope_encryption_kms_operations_latency_seconds",
    "How long the plugins' calls took, by gRPC status.",
    doubling(0.0001, 20),
    ["provider_name", "method_name", "grpc_status_code"],
  );
  const misses = registry.counter(
    "apiserver_storage_envelope_transformation_cache_misses_total",
    "Data keys that a plugin had to be asked for.",
  );
  const generated = registry.histogram(
    "apiserver_storage_data_key_generation_duration_seconds",
    "How long it took to make a data key.",
    doubling(5e-6, 14),
  );
  const hashes = new Map<string, string>();
  const hash = (keyId: string): string => {
    let known = hashes.get(keyId);
    if (!known) {
      if (hashes.size >= 100) hashes.clear();
      known = `sha256:${createHash("sha256").update(keyId).digest("hex")}`;
      hashes.set(keyId, known);
    }
    return known;
  };
  return {
    call: (provider, method, code, seconds) => calls.with(provider, method, code).observe(seconds),
    keyIdUsed(direction, provider, keyId) {
      used.with(direction, provider, hash(keyId), "").add();
      usedAt.with(direction, provider, hash(keyId), "").set(clock.now() / 1000);
    },
    keyIdFromStatus: (provider, keyId) => statusAt.with(provider, hash(keyId), "").set(clock.now() / 1000),
    invalidKeyId: (provider, code) => invalid.with(provider, code).add(),
    cacheMiss: () => misses.with().add(),
    dataKeyGenerated: (seconds) => generated.with().observe(seconds),
  };
}
