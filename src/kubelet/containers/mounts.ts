import type { Pod, VolumeMount } from "../../api/types/core.v1.ts";
import type { AnyContainer } from "../pod/pod.ts";
import type { Mount } from "../runtime.ts";
import type { MountedVolume } from "../volumes/volume.ts";
import { expandStrictly } from "./expansion.ts";

export interface MountInputs {
  pod: Pod;
  container: AnyContainer;
  volumes: ReadonlyMap<string, MountedVolume>;
  environment: ReadonlyMap<string, string>;
  /** Binds a part of a volume and returns where. */
  subPath(volume: string, index: number, path: string): Promise<string>;
  /** The pod's hosts file; not mounted where the container has a mount of its own there. */
  hostsFile: string | undefined;
  terminationMessage: { hostPath: string; containerPath: string } | undefined;
}

const PROPAGATION: Record<string, Mount["propagation"]> = {
  None: "private",
  HostToContainer: "host-to-container",
  Bidirectional: "bidirectional",
};

/** All mounts of a container. Throws in upstream's words where one can't be made. */
export async function containerMounts(inputs: MountInputs): Promise<Mount[]> {
  const { container, volumes } = inputs;
  const mounts: Mount[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = volumes.get(mount.name);
    if (!volume) throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    if (mount.recursiveReadOnly === "Enabled") {
      throw new Error(
        `volume "${mount.name}" requested recursive read-only mode, but it is not supported by the runtime`,
      );
    }
    const propagation = PROPAGATION[mount.mountPropagation ?? "None"];
    if (!propagation) throw new Error(`invalid MountPropagation mode: "${mount.mountPropagation}"`);
    const path = partOf(mount, inputs.environment);
    mounts.push({
      containerPath: mount.mountPath.startsWith("/") ? mount.mountPath : `/${mount.mountPath}`,
      hostPath: path === "" ? volume.path : await inputs.subPath(mount.name, index, path),
      readonly: (mount.readOnly ?? false) || volume.readOnly,
      propagation,
    });
  }
  const taken = new Set(mounts.map(({ containerPath }) => containerPath));
  const own = (hostPath: string, containerPath: string) => {
    if (!taken.has(containerPath)) mounts.push({ containerPath, hostPath, readonly: false, propagation: "private" });
  };
  if (inputs.hostsFile) own(inputs.hostsFile, "/etc/hosts");
  if (inputs.terminationMessage) own(inputs.terminationMessage.hostPath, inputs.terminationMessage.containerPath);
  return mounts;
}

function partOf(mount: VolumeMount, environment: ReadonlyMap<string, string>): string {
  if (!mount.subPathExpr) return mount.subPath ?? "";
  return expandStrictly(mount.subPathExpr, (name) => environment.get(name));
}
