import type { Pod } from "../../api/types/core.v1.ts";

/** What the kubelet's server needs to know of the node's pods; implemented by the kubelet. All answers are from memory. */
export interface PodAccess {
  /** The pods that the kubelet has accepted, static ones included, each with the status as the kubelet knows it now. */
  pods(): readonly Pod[];
  /** The runtime's id of the newest running instance of a container (init and ephemeral ones included). */
  runningContainer(pod: Pod, container: string): string | undefined | Promise<string | undefined>;
  /** The runtime's id of the pod's ready sandbox. */
  readySandbox(pod: Pod): string | undefined | Promise<string | undefined>;
}
