import type { ContainerUsage, NodeUsage, PodUsage } from "./usage.ts";

type Labels = Readonly<Record<string, string>>;

/** Collects samples by family and writes them in the text exposition format, each with its own time. */
function exposition() {
  const families = new Map<string, { head: string; lines: string[] }>();
  return {
    add(type: "counter" | "gauge", name: string, help: string, labels: Labels, value: number, timeMs?: number) {
      let family = families.get(name);
      if (!family) {
        family = { head: `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`, lines: [] };
        families.set(name, family);
      }
      const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
      const suffix = timeMs === undefined ? "" : ` ${Math.round(timeMs)}`;
      family.lines.push(`${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}${suffix}\n`);
    },
    render: () => [...families.values()].map(({ head, lines }) => head + lines.join("")).join(""),
  };
}

const seconds = (nanoseconds: number) => nanoseconds / 1e9;
const podLabels = ({ pod }: PodUsage) => ({
  namespace: pod.metadata?.namespace ?? "",
  pod: pod.metadata?.name ?? "",
});
const each = (usage: NodeUsage, visit: (labels: Labels, container: ContainerUsage) => void) => {
  for (const pod of usage.pods) {
    for (const container of pod.containers) visit({ container: container.name, ...podLabels(pod) }, container);
  }
};

/** The answer of `/metrics/resource`, which metrics-server reads: stable names. */
export function resourceMetrics(usage: NodeUsage): string {
  const { add, render } = exposition();
  each(usage, (labels, one) => {
    add(
      "counter",
      "container_cpu_usage_seconds_total",
      "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
      labels,
      seconds(one.cpuNanoSeconds),
      one.time,
    );
    add(
      "gauge",
      "container_memory_working_set_bytes",
      "[STABLE] Current working set of the container in bytes",
      labels,
      one.memoryWorkingSetBytes,
      one.time,
    );
    if (one.startedAt !== undefined) {
      add(
        "gauge",
        "container_start_time_seconds",
        "[STABLE] Start time of the container since unix epoch in seconds",
        labels,
        one.startedAt / 1000,
      );
    }
  });
  const { node } = usage;
  add(
    "counter",
    "node_cpu_usage_seconds_total",
    "[STABLE] Cumulative cpu time consumed by the node in core-seconds",
    {},
    seconds(node.cpuNanoSeconds),
    node.time,
  );
  add(
    "gauge",
    "node_memory_working_set_bytes",
    "[STABLE] Current working set of the node in bytes",
    {},
    node.memoryWorkingSetBytes,
    node.time,
  );
  for (const pod of usage.pods.filter(({ containers }) => containers.length > 0)) {
    add(
      "counter",
      "pod_cpu_usage_seconds_total",
      "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
      podLabels(pod),
      seconds(pod.cpuNanoSeconds),
      pod.time,
    );
    add(
      "gauge",
      "pod_memory_working_set_bytes",
      "[STABLE] Current working set of the pod in bytes",
      podLabels(pod),
      pod.memoryWorkingSetBytes,
      pod.time,
    );
  }
  add(
    "gauge",
    "resource_scrape_error",
    "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise",
    {},
    0,
  );
  return render();
}

/** The answer of `/metrics/cadvisor`, as far as it comes from CRI: cAdvisor's names and labels for containers. */
export function cadvisorMetrics(usage: NodeUsage): string {
  const { add, render } = exposition();
  const { node } = usage;
  add("gauge", "machine_cpu_cores", "Number of logical CPU cores.", {}, node.cpus);
  add("gauge", "machine_memory_bytes", "Amount of memory installed on the machine.", {}, node.memoryTotalBytes);
  each(usage, (base, one) => {
    const labels = {
      container: base.container!,
      id: one.id,
      image: one.image,
      name: one.id,
      namespace: base.namespace!,
      pod: base.pod!,
    };
    add(
      "counter",
      "container_cpu_usage_seconds_total",
      "Cumulative cpu time consumed in seconds.",
      { ...labels, cpu: "total" },
      seconds(one.cpuNanoSeconds),
      one.time,
    );
    add(
      "gauge",
      "container_memory_usage_bytes",
      "Current memory usage in bytes, including all memory regardless of when it was accessed",
      labels,
      one.memoryUsageBytes,
      one.time,
    );
    add(
      "gauge",
      "container_memory_working_set_bytes",
      "Current working set in bytes.",
      labels,
      one.memoryWorkingSetBytes,
      one.time,
    );
    add("gauge", "container_memory_rss", "Size of RSS in bytes.", labels, one.memoryRssBytes, one.time);
    add(
      "gauge",
      "container_fs_usage_bytes",
      "Number of bytes that are consumed by the container on this filesystem.",
      labels,
      one.fileSystemUsedBytes,
      one.time,
    );
    if (one.startedAt !== undefined) {
      add(
        "gauge",
        "container_start_time_seconds",
        "Start time of the container since unix epoch in seconds.",
        labels,
        one.startedAt / 1000,
      );
    }
  });
  return render();
}
