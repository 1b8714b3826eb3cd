import type { MetricsRegistry } from "../../base/metrics.ts";
import type { ProcessFigures } from "../../base/process-figures.ts";
import { knownGates } from "../feature-gates.ts";
import { versionInfo } from "../version.ts";

/** What every component tells of itself: its process, its build, its features. */
export function processMetrics(
  registry: MetricsRegistry,
  figures: () => ProcessFigures,
  features: { enabled(name: string): boolean } | undefined,
): void {
  const gauge = (name: string, help: string) => registry.gauge(name, help);
  const cpu = registry.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  const resident = gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  const virtual = gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  const start = gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.");
  const open = gauge("process_open_fds", "Number of open file descriptors.");
  const most = gauge("process_max_fds", "Maximum number of open file descriptors.");
  let counted = 0;
  registry.onCollect(() => {
    const { cpuSeconds, residentBytes, startTimeSeconds, virtualBytes, openFiles, maxFiles } = figures();
    cpu.with().add(cpuSeconds - counted);
    counted = cpuSeconds;
    resident.with().set(residentBytes);
    start.with().set(startTimeSeconds);
    if (virtualBytes !== undefined) virtual.with().set(virtualBytes);
    if (openFiles !== undefined) open.with().set(openFiles);
    if (maxFiles !== undefined) most.with().set(maxFiles);
  });

  const info = versionInfo();
  registry
    .gauge("kubernetes_build_info", "Always 1; the labels tell of the build.", [
      "build_date",
      "compiler",
      "git_commit",
      "git_tree_state",
      "git_version",
      "go_version",
      "major",
      "minor",
      "platform",
    ])
    .with(
      info.buildDate,
      info.compiler,
      info.gitCommit,
      info.gitTreeState,
      info.gitVersion,
      info.goVersion,
      info.major,
      info.minor,
      info.platform,
    )
    .set(1);
  const enabled = registry.gauge("kubernetes_feature_enabled", "Whether a feature is on, by name and stage.", [
    "name",
    "stage",
  ]);
  const stages: Readonly<Record<string, string>> = { alpha: "ALPHA", beta: "BETA", deprecated: "DEPRECATED" };
  for (const [name, { stage, on }] of knownGates()) {
    const isOn = features ? features.enabled(name) : on;
    enabled.with(name, stages[stage.toLowerCase()] ?? "").set(isOn ? 1 : 0);
  }
}
