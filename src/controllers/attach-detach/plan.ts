import { createHash } from "node:crypto";
import type { Node, PersistentVolume, Pod } from "../../api/types/core.v1.ts";
import type { VolumeAttachment } from "../../api/types/storage.v1.ts";
import { isFinished } from "../pod-state.ts";

/** How long a volume that a node has still mounted is waited for before it is taken from a node that is not healthy. */
export const MAX_WAIT_FOR_UNMOUNT_MS = 6 * 60_000;

export const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
/** On nodes whose kubelet leaves attaching to the controller. */
const MANAGED = "volumes.kubernetes.io/controller-managed-attach-detach";
/** On nodes whose finished pods keep their volumes. */
const KEEP_TERMINATED = "volumes.kubernetes.io/keep-terminated-pod-volumes";

/** How nodes name a CSI volume in their status. */
export const uniqueVolumeName = ({ spec }: PersistentVolume): string =>
  `kubernetes.io/csi/${spec?.csi?.driver}^${spec?.csi?.volumeHandle}`;

/** The name of the attachment of a CSI volume to a node, as upstream's controller and kubelet compute it. */
export function attachmentName(handle: string, driver: string, node: string): string {
  return `csi-${createHash("sha256").update(`${handle}${driver}${node}`).digest("hex")}`;
}

export const isManaged = (node: Node | undefined): boolean => node?.metadata?.annotations?.[MANAGED] === "true";

/** Whether the pod needs its volumes attached to its node. */
export function needsVolumes(pod: Pod, node: Node): boolean {
  if (node.metadata?.annotations?.[KEEP_TERMINATED] === "true") return true;
  if (isFinished(pod)) return false;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const stopped = statuses.length > 0 && statuses.every(({ state }) => !state?.running);
  return !(pod.metadata?.deletionTimestamp && stopped);
}

export interface AttachObservation {
  /** By node, the pods that need the volume there, on nodes that are managed. */
  readonly wanted: ReadonlyMap<string, readonly Pod[]>;
  /** All attachments of the volume, also those that are going. */
  readonly attachments: readonly VolumeAttachment[];
  node(name: string): Node | undefined;
  /** When each attachment was first seen to be no longer wanted, by name; ms. */
  readonly unwantedSince: ReadonlyMap<string, number>;
  readonly now: number;
  /** `--disable-force-detach-on-timeout` turns this off. */
  readonly forceDetach: boolean;
}

export interface AttachPlan {
  readonly detach: readonly { readonly attachment: VolumeAttachment; readonly forced: boolean }[];
  readonly attach: readonly VolumeAttachment[];
  readonly remarks: readonly { readonly pod: Pod; readonly message: string }[];
  /** When to look again though nothing changes. */
  readonly nextMs?: number;
}

/** What is to be attached and detached of one volume. */
export function planAttachments(volume: PersistentVolume, observed: AttachObservation): AttachPlan {
  const { wanted, attachments } = observed;
  const detach: { attachment: VolumeAttachment; forced: boolean }[] = [];
  let nextMs: number | undefined;
  for (const attachment of attachments) {
    if (wanted.has(attachment.spec.nodeName) || attachment.metadata?.deletionTimestamp) continue;
    const { safe, waitMs } = detachable(volume, attachment, observed);
    if (safe !== undefined) detach.push({ attachment, forced: safe === "forced" });
    else if (waitMs !== undefined) nextMs = Math.min(nextMs ?? waitMs, waitMs);
  }

  const attach: VolumeAttachment[] = [];
  const remarks: { pod: Pod; message: string }[] = [];
  const held = new Set(attachments.map(({ spec }) => spec.nodeName));
  for (const attachment of attachments) {
    const { attachError } = attachment.status ?? {};
    if (!attachError || attachment.status?.attached) continue;
    const message = `AttachVolume.Attach failed for volume "${volume.metadata?.name}" : ${attachError.message}`;
    for (const pod of wanted.get(attachment.spec.nodeName) ?? []) remarks.push({ pod, message });
  }
  for (const [nodeName, pods] of [...wanted].sort(byFirstPod)) {
    if (held.has(nodeName)) {
      // What is being detached is attached again once it is gone.
      continue;
    }
    if (held.size > 0 && isExclusive(volume)) {
      for (const pod of pods) remarks.push({ pod, message: multiAttachMessage(volume, pod, held, wanted) });
      continue;
    }
    attach.push(attachmentOf(volume, nodeName));
    held.add(nodeName);
  }
  return { detach, attach, remarks, ...(nextMs === undefined ? {} : { nextMs }) };
}

/** A volume that is mounted stays, unless its node is out of service, or sick for too long. */
function detachable(
  volume: PersistentVolume,
  attachment: VolumeAttachment,
  { node: nodeOf, unwantedSince, now, forceDetach }: AttachObservation,
): { safe?: "yes" | "forced"; waitMs?: number } {
  const node = nodeOf(attachment.spec.nodeName);
  // Of a node that is gone it is not known what it has mounted.
  const mounted = !node || (node.status?.volumesInUse?.includes(uniqueVolumeName(volume)) ?? false);
  if (!mounted) return { safe: "yes" };
  if (node?.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE)) return { safe: "forced" };
  const healthy = node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  if (healthy || !forceDetach) return {};
  const since = unwantedSince.get(attachment.metadata?.name ?? "") ?? now;
  const waitMs = since + MAX_WAIT_FOR_UNMOUNT_MS - now;
  return waitMs <= 0 ? { safe: "forced" } : { waitMs };
}

const isExclusive = ({ spec }: PersistentVolume): boolean => {
  const modes = spec?.accessModes ?? [];
  return modes.length > 0 && !modes.includes("ReadWriteMany") && !modes.includes("ReadOnlyMany");
};

function byFirstPod([a, podsA]: [string, readonly Pod[]], [b, podsB]: [string, readonly Pod[]]): number {
  const first = (pods: readonly Pod[]) =>
    Math.min(...pods.map((p) => Date.parse(p.metadata?.creationTimestamp ?? "") || 0));
  return first(podsA) - first(podsB) || (a < b ? -1 : 1);
}

function attachmentOf({ metadata, spec }: PersistentVolume, nodeName: string): VolumeAttachment {
  const { driver = "", volumeHandle = "" } = spec?.csi ?? {};
  return {
    metadata: { name: attachmentName(volumeHandle, driver, nodeName) },
    spec: { attacher: driver, nodeName, source: { persistentVolumeName: metadata?.name } },
  };
}

/** Names the pods of the same namespace only: others are not for its users to see. */
function multiAttachMessage(
  { metadata }: PersistentVolume,
  pod: Pod,
  held: ReadonlySet<string>,
  wanted: ReadonlyMap<string, readonly Pod[]>,
): string {
  const users = [...held].flatMap((node) => wanted.get(node) ?? []);
  const local = users.filter((user) => user.metadata?.namespace === pod.metadata?.namespace);
  const others = users.length - local.length;
  const head = `Multi-Attach error for volume "${metadata?.name}"`;
  if (users.length === 0) {
    return `${head} Volume is already exclusively attached to one node and can't be attached to another`;
  }
  const elsewhere = `${others} pod(s) in different namespaces`;
  if (local.length === 0) return `${head} Volume is already used by ${elsewhere}`;
  const names = local.map((user) => user.metadata?.name).join(", ");
  return `${head} Volume is already used by pod(s) ${names}${others > 0 ? ` and ${elsewhere}` : ""}`;
}
