import { Quantity } from "../../api/quantity.ts";
import type { EmptyDirVolumeSource } from "../../api/types/core.v1.ts";
import type { Files } from "../../base/files.ts";
import { podLimits } from "../pod/resources.ts";
import type { Mounter } from "./mounter.ts";
import { setGroup } from "./ownership.ts";
import { type VolumePlugin, volumeKind } from "./volume.ts";

/** A directory that lives as long as the pod: on disk, in memory, or in huge pages. */
export function emptyDirPlugin(options: { files: Files; mounter: Mounter; memoryCapacity: number }): VolumePlugin {
  const { files, mounter } = options;
  return {
    name: "kubernetes.io/empty-dir",
    refreshes: false,
    inMemory: false,
    supports: (volume) => volumeKind(volume) === "emptyDir",
    async setUp({ pod, volume, directory }) {
      const source = volume.emptyDir ?? {};
      await files.mkdir(directory, { recursive: true, mode: 0o777 });
      if (source.medium && !(await mounter.list()).includes(directory)) {
        if (source.medium !== "Memory")
          throw new Error(`emptyDir medium "${source.medium}" is not supported by this kubelet`);
        const limit = podLimits(pod).get("memory");
        await mounter.tmpfs(directory, [`size=${tmpfsBytes(source, limit, options.memoryCapacity)}`, "noswap"]).catch(
          // Kernels before 6.4 know no `noswap`.
          () => mounter.tmpfs(directory, [`size=${tmpfsBytes(source, limit, options.memoryCapacity)}`]),
        );
      }
      const context = pod.spec?.securityContext;
      if (((await files.lstat(directory)).mode & 0o777) !== 0o777) await files.chmod(directory, 0o777);
      if (context?.fsGroup !== undefined) {
        await setGroup(files, directory, context.fsGroup, { policy: context.fsGroupChangePolicy });
      }
      return { path: directory, readOnly: false };
    },
  };
}

/** The least of what the volume, the pod's memory limit, and the node allow. */
function tmpfsBytes(source: EmptyDirVolumeSource, podLimit: Quantity | undefined, capacity: number): number {
  const sizes = [capacity];
  if (podLimit && podLimit.value() > 0) sizes.push(podLimit.value());
  const own = source.sizeLimit ? Quantity.parse(source.sizeLimit).value() : 0;
  if (own > 0) sizes.push(own);
  return Math.min(...sizes);
}
