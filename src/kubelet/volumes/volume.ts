import type { Pod, Volume } from "../../api/types/core.v1.ts";

/** How one kind of volume is made ready for a pod's containers. One file each; `volume-manager.ts` puts them to use. */
export interface VolumePlugin {
  /** Upstream's name, `kubernetes.io/…`, which also names the directory of the pod's volumes of this kind. */
  readonly name: string;
  supports(volume: Volume): boolean;
  /** Whether the content follows the cluster: then `setUp` is called again at each sync of the pod. */
  readonly refreshes: boolean;
  /** Whether `directory` is to lie on a file system in memory. */
  readonly inMemory: boolean;
  /**
   * Brings the volume to what it should be and names the path to mount into containers. Called again after a failure,
   * a restart of the kubelet, or a change: whatever is already right must be left alone. A failure is a plain Error
   * whose text the pod's event shows.
   */
  setUp(request: VolumeRequest): Promise<MountedVolume>;
}

export interface VolumeRequest {
  readonly pod: Pod;
  readonly volume: Volume;
  /** The volume's own directory; it may not exist yet. Removed, with what is mounted there, when the pod is gone. */
  readonly directory: string;
}

export interface MountedVolume {
  /** On the node. */
  readonly path: string;
  /** Containers may not write to it, whatever their mounts say. */
  readonly readOnly: boolean;
}

/** The directory name for a plugin: `kubernetes.io/empty-dir` is `kubernetes.io~empty-dir`. */
export function pluginDirectory(name: string): string {
  return name.replace("/", "~");
}

/** The kind of a volume, as its field is called; a volume without one is an emptyDir. */
export function volumeKind(volume: Volume): string {
  return (
    Object.keys(volume).find((field) => field !== "name" && volume[field as keyof Volume] !== undefined) ?? "emptyDir"
  );
}
