import { join } from "node:path";
import type { Container, Pod, PodCondition, ResourceRequirements } from "../../api/types/core.v1.ts";
import { type Files, isNotFound } from "../../base/files.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { PodCgroups } from "../cgroups/pod-cgroups.ts";
import { findContainer, podReference, podUid } from "../pod/pod.ts";
import { newestContainer, type PodContainer, type PodState } from "../pod/pod-state.ts";
import { type ContainerResourceOptions, containerResources } from "../pod/resources.ts";
import { createdResources } from "../pod/runtime-labels.ts";
import type { Runtime } from "../runtime.ts";
import {
  changedResources,
  desiredResources,
  judgeResize,
  type Resources,
  restartsOnResize,
  sameResources,
  type Verdict,
  widest,
  withResources,
} from "./granted.ts";

/**
 * Changes the CPU and memory of running pods (KEP-1287). What a pod asks for is granted as a whole when the node has
 * room for it; what is granted is then applied to the containers, in place or by a restart, as their policy says:
 *
 *     desired (the spec)  →  granted (room was found)  →  applied (the container runs with it)
 */
export interface Resizer {
  /** Grants what the pod asks for if there is room, and returns the pod as granted. `others`: what else runs, as granted. */
  consider(pod: Pod, state: PodState): Pod;
  /** The pod as granted last. */
  granted(pod: Pod): Pod;
  /** Whether the running container must start anew to get what is granted to it. */
  needsRestart(pod: Pod, container: PodContainer): boolean;
  /** Makes the pod's cgroup wide enough for what its containers have and for what they are to get. */
  ensureCgroup(pod: Pod, state: PodState): Promise<string | undefined>;
  /** Applies what is granted to the containers that run and need no restart. Rejects where that failed; try again. */
  apply(pod: Pod, state: PodState): Promise<void>;
  /** Notes that a resize is done, once all containers run with what was granted. */
  settle(pod: Pod, state: PodState): void;
  /** What a container runs with, and what it was granted. */
  resourcesOf(
    pod: Pod,
    state: PodState,
    name: string,
  ): { applied: ResourceRequirements; granted: ResourceRequirements };
  /** PodResizePending and PodResizeInProgress, as far as they are true. */
  conditions(pod: Pod, state: PodState): PodCondition[];
  /** The pods that wait for others to make room. */
  deferred(): string[];
  forgetPod(podUid: string): void;
  /** Reads what was applied before a restart of the kubelet. */
  start(): Promise<void>;
}

export interface ResizerOptions {
  runtime: Runtime;
  cgroups: PodCgroups;
  events: EventRecorder;
  files: Files;
  rootDir: string;
  allocatable: Readonly<Record<string, string>>;
  resources: ContainerResourceOptions;
  /** The other pods that take up room. */
  others(pod: Pod): readonly Pod[];
}

interface PodResize {
  granted: Resources;
  refused: Verdict | undefined;
  error: string | undefined;
  underWay: boolean;
  /** The containers that were ended to start anew with other resources, by name: the ids they had. */
  restarting: Map<string, string>;
}

export function resizer(options: ResizerOptions): Resizer {
  const { runtime, cgroups, events, files } = options;
  const pods = new Map<string, PodResize>();
  /** What was applied to containers after their creation, by container id; what they were created with is noted on them. */
  const applied = new Map<string, ResourceRequirements>();
  const path = join(options.rootDir, "resized-containers.json");

  const appliedTo = ({ id, status }: PodContainer): ResourceRequirements | undefined =>
    applied.get(id) ?? createdResources(status.annotations);

  const entryOf = (pod: Pod, state: PodState | undefined): PodResize => {
    let entry = pods.get(podUid(pod));
    if (!entry) {
      // A kubelet that has just started finds what it granted before on the containers that run.
      const granted = desiredResources(pod);
      for (const name of granted.keys()) {
        const current = state && newestContainer(state, name);
        const had = current?.status.state === "running" ? appliedTo(current) : undefined;
        if (had && !sameResources(had, granted.get(name)!)) granted.set(name, had);
      }
      entry = { granted, refused: undefined, error: undefined, underWay: false, restarting: new Map() };
      pods.set(podUid(pod), entry);
    }
    return entry;
  };

  const grantedPod = (pod: Pod) => {
    const entry = pods.get(podUid(pod));
    return entry ? withResources(pod, entry.granted) : pod;
  };

  /** The running containers that do not have what is granted. */
  const outstanding = (
    pod: Pod,
    state: PodState,
  ): { container: Container; current: PodContainer; changed: string[] }[] => {
    const entry = pods.get(podUid(pod));
    if (!entry) return [];
    const found: { container: Container; current: PodContainer; changed: string[] }[] = [];
    for (const [name, resources] of entry.granted) {
      const current = newestContainer(state, name);
      if (current?.status.state !== "running") continue;
      const container = findContainer(pod, name)?.container;
      const changed = changedResources(appliedTo(current) ?? resources, resources);
      if (container && changed.length > 0) found.push({ container, current, changed });
    }
    return found;
  };

  const tell = (pod: Pod, type: "Normal" | "Warning", reason: string, what: string, more: object = {}) => {
    const resources = [...desiredResources(pod)].map(([name, one]) => ({ name, resources: one }));
    const detail = { containers: resources, generation: pod.metadata?.generation, ...more };
    events.event(podReference(pod), type, reason, `Pod resize ${what}: ${JSON.stringify(detail)}`);
  };

  const save = async () => {
    await files.writeAtomic(path, JSON.stringify(Object.fromEntries(applied)));
  };

  const applyAll = async (pod: Pod, state: PodState, entry: PodResize): Promise<void> => {
    const granted = grantedPod(pod);
    const todo = outstanding(pod, state).filter(({ container, changed }) => !restartsOnResize(container, changed));
    if (todo.length === 0) return;
    for (const { current } of todo) {
      const container = findContainer(granted, current.name)!.container;
      const { cpuQuota, ...resources } = containerResources(granted, container, options.resources);
      // An update takes 0 for "as it is".
      const quota = cpuQuota === undefined ? {} : { cpuQuota: cpuQuota === 0 ? -1 : cpuQuota };
      await runtime.updateContainerResources(current.id, { ...resources, ...quota });
      applied.set(current.id, entry.granted.get(current.name) ?? {});
    }
    await save();
    await cgroups.ensure(duringChange(pod, state));
  };

  /** What the pod's cgroup must allow while its containers change one after another: the old and the new. */
  const duringChange = (pod: Pod, state: PodState): Pod => {
    const granted = pods.get(podUid(pod))?.granted ?? desiredResources(pod);
    const during = new Map(granted);
    for (const { current } of outstanding(pod, state)) {
      during.set(current.name, widest(appliedTo(current) ?? {}, granted.get(current.name) ?? {}));
    }
    return withResources(pod, during);
  };

  return {
    consider(pod, state) {
      const entry = entryOf(pod, state);
      const desired = desiredResources(pod);
      const same = [...desired].every(([name, one]) => sameResources(one, entry.granted.get(name) ?? {}));
      if (same) {
        entry.refused = undefined;
        // Ephemeral containers come later, and other resources don't change: taken as they are.
        entry.granted = desired;
        return pod;
      }
      const verdict = judgeResize(pod, options.others(pod), options.allocatable);
      if (verdict) {
        if (entry.refused?.message !== verdict.message) {
          tell(pod, "Warning", `Resize${verdict.reason}`, verdict.reason.toLowerCase(), { error: verdict.message });
        }
        entry.refused = verdict;
        return grantedPod(pod);
      }
      entry.refused = undefined;
      entry.granted = desired;
      entry.error = undefined;
      entry.underWay = true;
      tell(pod, "Normal", "ResizeStarted", "started");
      return pod;
    },
    granted: grantedPod,
    needsRestart(pod, container) {
      const alone = { uid: podUid(pod), sandboxes: [], containers: [container] };
      const needed = outstanding(pod, alone).some((one) => restartsOnResize(one.container, one.changed));
      if (needed) pods.get(podUid(pod))?.restarting.set(container.name, container.id);
      return needed;
    },
    ensureCgroup: (pod, state) => cgroups.ensure(duringChange(pod, state)),
    async apply(pod, state) {
      const entry = pods.get(podUid(pod));
      if (!entry) return;
      try {
        await applyAll(pod, state, entry);
        entry.error = undefined;
      } catch (error) {
        entry.error = (error as Error).message;
        tell(pod, "Warning", "ResizeError", "error", { error: entry.error });
        throw error;
      }
    },
    settle(pod, state) {
      const entry = pods.get(podUid(pod));
      if (!entry?.underWay) return;
      for (const [name, id] of entry.restarting) {
        const current = newestContainer(state, name);
        if (current && current.id !== id && current.status.state === "running") entry.restarting.delete(name);
      }
      if (entry.restarting.size > 0 || outstanding(pod, state).length > 0) return;
      entry.underWay = false;
      tell(pod, "Normal", "ResizeCompleted", "completed");
    },
    resourcesOf(pod, state, name) {
      const granted = pods.get(podUid(pod))?.granted.get(name) ?? findContainer(pod, name)?.container.resources ?? {};
      const current = newestContainer(state, name);
      const running = current?.status.state === "running" ? appliedTo(current) : undefined;
      return { applied: running && !sameResources(running, granted) ? running : granted, granted };
    },
    conditions(pod, state) {
      const entry = pods.get(podUid(pod));
      if (!entry) return [];
      const list: PodCondition[] = [];
      const generation = pod.metadata?.generation;
      const observed = generation === undefined ? {} : { observedGeneration: generation };
      if (entry.refused) list.push({ type: "PodResizePending", status: "True", ...observed, ...entry.refused });
      if (entry.underWay || outstanding(pod, state).length > 0) {
        const error = entry.error ? { reason: "Error", message: entry.error } : {};
        list.push({ type: "PodResizeInProgress", status: "True", ...observed, ...error });
      }
      return list;
    },
    deferred: () => [...pods].filter(([, { refused }]) => refused?.reason === "Deferred").map(([uid]) => uid),
    forgetPod: (uid) => void pods.delete(uid),
    async start() {
      try {
        const known = JSON.parse(await files.readFile(path, "utf8")) as Record<string, ResourceRequirements>;
        const present = new Set((await runtime.listContainers()).map(({ id }) => id));
        for (const [id, resources] of Object.entries(known)) if (present.has(id)) applied.set(id, resources);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  };
}
