import { join } from "node:path";
import { podRequests } from "../../api/pod-requests.ts";
import { quantityMilliValue } from "../../api/quantity.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { podUid } from "../pod/pod.ts";
import { qosClass } from "../pod/qos.ts";
import { cpuShares, podCgroupResources } from "../pod/resources.ts";
import type { CgroupTree } from "./cgroupfs.ts";
import type { PodCgroups } from "./pod-cgroups.ts";

export interface QosCgroupOptions {
  tree: CgroupTree;
  /** The group below which `kubepods` is made. */
  root: string;
  cpuCfsQuota: boolean;
  /** Processes per pod; below 0 there is no limit. */
  podPidsLimit: number;
  /** What all pods together may use: milli-CPUs and bytes. Memory is limited only where something is reserved. */
  allocatable: { cpu: string; memoryLimit?: number };
}

/**
 * Upstream's layout: `kubepods/pod<uid>` for Guaranteed pods, `kubepods/burstable/…` and `kubepods/besteffort/…` for the
 * others. Burstable pods together weigh as much as they request together, BestEffort pods next to nothing.
 */
export function qosCgroups(options: QosCgroupOptions): PodCgroups {
  const { tree } = options;
  const top = join(options.root, "kubepods");
  const classes = { Guaranteed: top, Burstable: join(top, "burstable"), BestEffort: join(top, "besteffort") };
  /** Milli-CPUs requested by the Burstable pods that have a group. */
  const burstable = new Map<string, number>();
  const made = new Map<string, string>();

  const parent = (pod: Pod) => join(classes[qosClass(pod)], `pod${podUid(pod)}`);
  const weighBurstable = async () => {
    const milli = [...burstable.values()].reduce((sum, one) => sum + one, 0);
    await tree.ensure(classes.Burstable, { cpuShares: cpuShares(milli) });
  };

  return {
    async start() {
      const { cpu, memoryLimit } = options.allocatable;
      await tree.ensure(top, {
        cpuShares: cpuShares(quantityMilliValue(cpu)),
        ...(memoryLimit !== undefined ? { memoryLimitInBytes: memoryLimit } : {}),
      });
      await tree.ensure(classes.BestEffort, { cpuShares: cpuShares(0) });
      await weighBurstable();
    },
    async ensure(pod) {
      const uid = podUid(pod);
      const path = parent(pod);
      const resources = podCgroupResources(pod, qosClass(pod), options.cpuCfsQuota);
      const wanted = JSON.stringify([path, resources]);
      if (made.get(uid) === wanted) return path;
      await tree.ensure(path, {
        ...resources,
        ...(options.podPidsLimit > 0 ? { pids: options.podPidsLimit } : {}),
      });
      made.set(uid, wanted);
      if (qosClass(pod) === "Burstable") {
        burstable.set(uid, podRequests(pod)["cpu"] ?? 0);
        await weighBurstable();
      }
      return path;
    },
    parent,
    async remove(uid) {
      await Promise.all(Object.values(classes).map((group) => tree.remove(join(group, `pod${uid}`))));
      made.delete(uid);
      if (burstable.delete(uid)) await weighBurstable();
    },
    async pods() {
      const names = await Promise.all(Object.values(classes).map((group) => tree.children(group)));
      return names
        .flat()
        .filter((name) => name.startsWith("pod"))
        .map((name) => name.slice("pod".length));
    },
  };
}
