import type { Pod } from "../../api/types/core.v1.ts";

/** The cgroups around pods, by QoS class, below `kubepods`. */
export interface PodCgroups {
  /** Makes the classes' cgroups. Must be called first. */
  start(): Promise<void>;
  /** Makes the pod's cgroup with its limits and returns its path for the runtime; undefined where there are none. */
  ensure(pod: Pod): Promise<string | undefined>;
  /** The path that `ensure` made, without looking. */
  parent(pod: Pod): string | undefined;
  /** Removes the cgroup of a pod that has ended; what still runs in it makes this reject. */
  remove(podUid: string): Promise<void>;
  /** The uids of the pods that have a cgroup. */
  pods(): Promise<string[]>;
}

/** For machines without cgroups to make: the runtime puts containers where it will. */
export const noPodCgroups: PodCgroups = {
  async start() {},
  ensure: async () => undefined,
  parent: () => undefined,
  async remove() {},
  pods: async () => [],
};
