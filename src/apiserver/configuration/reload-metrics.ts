import type { Clock } from "../../base/clock.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { ReloadObserver } from "./reloading-file.ts";

/**
 * Counts the reloads of a configuration file, and tells which content is in force, under upstream's names below `prefix`
 * (`apiserver_authentication_config_controller`). `loaded`: the hash of what was loaded at the start.
 */
export function reloadMetrics(registry: MetricsRegistry, clock: Clock, prefix: string, loaded: string): ReloadObserver {
  const labels = ["status", "apiserver_id_hash"];
  const total = registry.counter(`${prefix}_automatic_reloads_total`, "Reloads of the configuration file.", labels);
  const at = registry.gauge(
    `${prefix}_automatic_reload_last_timestamp_seconds`,
    "When the configuration file was last reloaded, by outcome.",
    labels,
  );
  const info = registry.gauge(`${prefix}_last_config_info`, "The hash of the configuration in force.", [
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
