import type { ContainerStatus as ApiContainerStatus, Pod } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { ProbeVerdict, ProbeVerdicts } from "../plan/plan.ts";
import { allContainers, isSidecar, podUid } from "../pod/pod.ts";
import { newestContainer, type PodState } from "../pod/pod-state.ts";
import { type ProbeWorker, probeWorker } from "./probe-worker.ts";
import type { ProbeKind, Prober } from "./prober.ts";

/** The probes of all pods of the node. */
export interface ProbeManager extends ProbeVerdicts {
  /** Takes in a pod and its containers as they are now; starts, aims and rests its probes accordingly. */
  observe(pod: Pod, state: PodState, podIp: string, terminating: boolean): void;
  /** Whether a running container has started: it has no startup probe, or that has succeeded. */
  started(podUid: string, container: string, containerId: string): boolean;
  /** Whether a running container is ready: it has no readiness probe, or that says so. */
  ready(podUid: string, container: string, containerId: string): boolean;
  removePod(podUid: string): void;
  stop(): void;
}

export interface ProbeManagerOptions {
  prober: Prober;
  clock: Clock;
  random: Random;
  onChange(podUid: string): void;
}

const KINDS: readonly { kind: ProbeKind; field: "livenessProbe" | "readinessProbe" | "startupProbe" }[] = [
  { kind: "startup", field: "startupProbe" },
  { kind: "liveness", field: "livenessProbe" },
  { kind: "readiness", field: "readinessProbe" },
];

type ContainerProbes = Partial<Record<ProbeKind, ProbeWorker>>;

export function probeManager(options: ProbeManagerOptions): ProbeManager {
  const { clock, random } = options;
  const startedAt = clock.monotonic();
  const pods = new Map<string, Map<string, ContainerProbes>>();

  const build = (pod: Pod): Map<string, ContainerProbes> => {
    const uid = podUid(pod);
    const probes = new Map<string, ContainerProbes>();
    for (const { kind: containerKind, container } of allContainers(pod)) {
      if (containerKind === "ephemeral" || (containerKind === "init" && !isSidecar(container))) continue;
      const workers: ContainerProbes = {};
      for (const { kind, field } of KINDS) {
        const probe = container[field];
        if (!probe) continue;
        const periodMs = (probe.periodSeconds ?? 10) * 1000;
        const fresh = clock.monotonic() - startedAt < periodMs;
        const remembered = rememberedVerdict(pod, container.name, kind);
        workers[kind] = probeWorker({
          kind,
          container,
          probe,
          prober: options.prober,
          clock,
          firstDelayMs: fresh && remembered ? random.next() * periodMs : 0,
          ...(remembered ? { remembered } : {}),
          onChange: () => options.onChange(uid),
        });
      }
      if (Object.keys(workers).length > 0) probes.set(container.name, workers);
    }
    return probes;
  };

  const find = (kind: ProbeKind, containerId: string): ProbeVerdict | undefined => {
    for (const probes of pods.values()) {
      for (const workers of probes.values()) {
        const verdict = workers[kind]?.verdict(containerId);
        if (verdict) return verdict;
      }
    }
    return undefined;
  };
  const succeeded = (uid: string, container: string, kind: ProbeKind, containerId: string): boolean => {
    const worker = pods.get(uid)?.get(container)?.[kind];
    return !worker || worker.verdict(containerId) === "success";
  };

  const removePod = (uid: string) => {
    for (const workers of pods.get(uid)?.values() ?? []) for (const { kind } of KINDS) workers[kind]?.stop();
    pods.delete(uid);
  };

  return {
    observe(pod, state, podIp, terminating) {
      const uid = podUid(pod);
      let probes = pods.get(uid);
      if (!probes) {
        probes = build(pod);
        if (probes.size === 0) return;
        pods.set(uid, probes);
      }
      for (const [name, workers] of probes) {
        const current = newestContainer(state, name);
        const look = (worker: ProbeWorker | undefined, started: boolean) =>
          worker?.observe({ pod, current, podIp, started, terminating });
        // The startup probe first: whether the others may go depends on it.
        look(workers.startup, !!current && !!workers.startup && workers.startup.verdict(current.id) === "success");
        const started = !!current && succeeded(uid, name, "startup", current.id);
        look(workers.liveness, started);
        look(workers.readiness, started);
      }
    },
    liveness: (id) => find("liveness", id),
    startup: (id) => find("startup", id),
    started: (uid, container, id) => succeeded(uid, container, "startup", id),
    ready: (uid, container, id) =>
      succeeded(uid, container, "startup", id) && succeeded(uid, container, "readiness", id),
    removePod,
    stop() {
      for (const uid of [...pods.keys()]) removePod(uid);
    },
  };
}

/** What the API's status tells of a container, so that a restart of the kubelet does not make running pods unready. */
function rememberedVerdict(
  pod: Pod,
  name: string,
  kind: ProbeKind,
): { containerId: string; verdict: ProbeVerdict } | undefined {
  if (kind === "liveness") return undefined;
  const all: ApiContainerStatus[] = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ];
  const status = all.find((candidate) => candidate.name === name);
  const containerId = status?.containerID?.replace(/^[^:]*:\/\//, "");
  if (!status?.state?.running || !containerId) return undefined;
  const good = kind === "startup" ? status.started : status.ready;
  return good ? { containerId, verdict: "success" } : undefined;
}
