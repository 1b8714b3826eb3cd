import { GrpcError } from "../../base/grpc.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
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
