import type { Clock } from "../../base/clock.ts";
import { GrpcError } from "../../base/grpc.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { ReloadObserver } from "../configuration/reloading-file.ts";
import { goCode } from "./kms/service.ts";
import type { TransformationObserver } from "./transformer.ts";

/** Counts what is encrypted and decrypted, under upstream's name. */
export function transformationMetrics(registry: MetricsRegistry): TransformationObserver {
  const total = registry.counter(
    "apiserver_storage_transformation_operations_total",
    "Values encrypted and decrypted, by resource, provider and outcome.",
    ["resource", "transformation_type", "transformer_prefix", "status"],
  );
  return {
    observe: (resource, direction, prefix, error) => total.with(resource, direction, prefix, statusOf(error)).add(),
  };
}

function statusOf(error: unknown): string {
  if (error === undefined) return "OK";
  const { cause } = error as Error;
  return cause instanceof GrpcError ? goCode(cause.code) : "unknown-non-grpc";
}

/** Counts the reloads of the configuration, and tells which one is in force. */
export function encryptionReloadMetrics(registry: MetricsRegistry, clock: Clock, loaded: string): ReloadObserver {
  const prefix = "apiserver_encryption_config_controller";
  const total = registry.counter(
    `${prefix}_automatic_reloads_total`,
    "Reloads of the encryption configuration, by outcome.",
    ["status", "apiserver_id_hash"],
  );
  const at = registry.gauge(
    `${prefix}_automatic_reload_last_timestamp_seconds`,
    "When the encryption configuration was last reloaded, by outcome.",
    ["status", "apiserver_id_hash"],
  );
  const info = registry.gauge(`${prefix}_last_config_info`, "The hash of the encryption configuration in force.", [
    "apiserver_id_hash",
    "hash",
  ]);
  info.with("", loaded).set(1);
  const count = (status: string) => {
    total.with(status, "").add();
    at.with(status, "").set(clock.now() / 1000);
  };
  return {
    succeeded(hash) {
      count("success");
      info.clear();
      info.with("", hash).set(1);
    },
    failed: () => count("failure"),
  };
}
