import { jsonEqual } from "../../api/json-equal.ts";
import { objectKey } from "../../api/object.ts";
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { Node, PersistentVolume, Pod } from "../../api/types/core.v1.ts";
import type { CSIDriver, VolumeAttachment } from "../../api/types/storage.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { claimKeys, indexByClaim, podsOfClaim } from "../claims-of-pods.ts";
import { type Controller, type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { podsByNode, podsOn } from "../pods-by-node.ts";
import { saidOnce } from "../said-once.ts";
import { isManaged, needsVolumes, OUT_OF_SERVICE, planAttachments, uniqueVolumeName } from "./plan.ts";

/**
 * Attaches CSI volumes to the nodes whose pods need them, by VolumeAttachments that the drivers' attachers act on, and
 * detaches them when no pod does and the node has let go. Nodes are told by `status.volumesAttached`.
 */
export const attachDetachController: ControllerDefinition = {
  name: "persistentvolume-attach-detach-controller",
  alias: "attachdetach",
  serviceAccount: "attachdetach-controller",
  create,
};

const BY_VOLUME = "attachments by volume";
const BY_NODE = "attachments by node";
const BY_DRIVER = "volumes by driver";

function create(context: ControllerContext): Controller {
  const { client, clock, informers, logger, settings } = context;
  const podInformer = informers.informer(pods);
  const nodeInformer = informers.informer(nodes);
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const drivers = informers.informer(csiDrivers);
  const attachments = informers.informer(volumeAttachments);
  const attachmentResource = client.resource(volumeAttachments);
  const nodeResource = client.resource(nodes);
  const recorder = context.recorder("attachdetach-controller");
  const failures = saidOnce(recorder);
  const unwantedSince = new Map<string, number>();
  /** The names of attachments that nodes must no longer rely on. */
  const detaching = new Set<string>();

  indexByClaim(podInformer);
  podsByNode(podInformer);
  attachments.addIndex(BY_VOLUME, ({ spec }) => [spec.source.persistentVolumeName ?? []].flat());
  attachments.addIndex(BY_NODE, ({ spec }) => [spec.nodeName]);
  volumes.addIndex(BY_DRIVER, ({ spec }) => (spec?.csi ? [spec.csi.driver] : []));

  const volumeLoop = keyedController(context, {
    name: "persistentvolume-attach-detach-controller",
    workers: settings.concurrentSyncs,
    reconcile: reconcileVolume,
  });
  const nodeLoop = keyedController(context, { name: "volumes-attached", reconcile: reconcileNode });
  const enqueue = (name: string | undefined) => {
    if (name && volumes.get(name)?.spec?.csi) volumeLoop.queue.add(name);
  };
  const podChanged = (pod: Pod) => {
    for (const key of claimKeys(pod)) enqueue(claims.get(key)?.spec?.volumeName);
  };
  podInformer.on({
    add: podChanged,
    delete(pod) {
      failures.forget(pod);
      podChanged(pod);
    },
    update(old, pod) {
      const needed = (one: Pod) => [one.spec?.nodeName, one.metadata?.deletionTimestamp, one.status?.phase];
      const gone = pod.metadata?.deletionTimestamp !== undefined;
      if (gone || !jsonEqual(needed(old), needed(pod))) podChanged(pod);
    },
  });
  claims.on({
    add: ({ spec }) => enqueue(spec?.volumeName),
    update: (_, { spec }) => enqueue(spec?.volumeName),
    delete: ({ spec }) => enqueue(spec?.volumeName),
  });
  volumes.on({ add: ({ metadata }) => enqueue(metadata?.name), update: (_, { metadata }) => enqueue(metadata?.name) });
  const attachmentChanged = ({ spec }: VolumeAttachment) => {
    enqueue(spec.source.persistentVolumeName);
    nodeLoop.queue.add(spec.nodeName);
  };
  attachments.on({
    add: attachmentChanged,
    update(old, attachment) {
      if (!old.status?.attached && attachment.status?.attached) announce(attachment);
      attachmentChanged(attachment);
    },
    delete(attachment) {
      const name = objectKey(attachment);
      unwantedSince.delete(name);
      detaching.delete(name);
      attachmentChanged(attachment);
    },
  });
  const nodeChanged = (node: Node) => {
    const name = node.metadata?.name ?? "";
    nodeLoop.queue.add(name);
    for (const { spec } of attachments.byIndex(BY_NODE, name)) enqueue(spec.source.persistentVolumeName);
  };
  nodeInformer.on({
    add(node) {
      nodeChanged(node);
      // Pods may have been seen before the node that they are on.
      podsOn(podInformer, node.metadata?.name ?? "").forEach(podChanged);
    },
    delete: nodeChanged,
    update(old, node) {
      const matters = ({ metadata, spec, status }: Node) => [
        metadata?.annotations,
        spec?.taints,
        status?.volumesInUse,
        status?.volumesAttached,
        status?.conditions?.find(({ type }) => type === "Ready")?.status,
      ];
      if (!jsonEqual(matters(old), matters(node))) nodeChanged(node);
      if (isManaged(old) !== isManaged(node)) {
        podsOn(podInformer, node.metadata?.name ?? "").forEach(podChanged);
      }
    },
  });
  const driverChanged = (driver: CSIDriver) => {
    for (const volume of volumes.byIndex(BY_DRIVER, driver.metadata?.name ?? "")) enqueue(volume.metadata?.name);
  };
  drivers.on({ add: driverChanged, update: (_, driver) => driverChanged(driver), delete: driverChanged });

  /** The pods that need the volume, by node. */
  function wantedOf(volume: PersistentVolume): Map<string, Pod[]> {
    const wanted = new Map<string, Pod[]>();
    const reference = volume.spec?.claimRef;
    const claim = reference ? claims.get(`${reference.namespace}/${reference.name}`) : undefined;
    // A driver that says nothing has its volumes attached.
    const required = drivers.get(volume.spec?.csi?.driver ?? "")?.spec?.attachRequired ?? true;
    if (!claim || claim.metadata?.uid !== reference?.uid || claim.spec?.volumeName !== volume.metadata?.name)
      return wanted;
    if (!required) return wanted;
    for (const pod of podsOfClaim.of(podInformer, objectKey(claim))) {
      const node = pod.spec?.nodeName ? nodeInformer.get(pod.spec.nodeName) : undefined;
      if (!node || !isManaged(node) || !needsVolumes(pod, node)) continue;
      const name = node.metadata!.name!;
      wanted.set(name, [...(wanted.get(name) ?? []), pod]);
    }
    return wanted;
  }

  async function reconcileVolume(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const volume = volumes.get(name);
    if (!volume?.spec?.csi) return undefined;
    const present = attachments.byIndex(BY_VOLUME, name);
    const wanted = wantedOf(volume);
    const now = clock.now();
    for (const { metadata, spec } of present) {
      if (wanted.has(spec.nodeName)) unwantedSince.delete(metadata!.name!);
      else if (!unwantedSince.has(metadata!.name!)) unwantedSince.set(metadata!.name!, now);
    }
    const plan = planAttachments(volume, {
      wanted,
      attachments: present,
      node: (one) => nodeInformer.get(one),
      unwantedSince,
      now,
      forceDetach: settings.forceDetachOnTimeout,
    });
    for (const { pod, message } of plan.remarks) {
      failures.say({ ...pod, apiVersion: "v1", kind: "Pod" }, "Warning", "FailedAttachVolume", message);
    }
    for (const { attachment, forced } of plan.detach) {
      const { nodeName } = attachment.spec;
      const attached = { volume: name, node: nodeName };
      if (forced)
        logger.warn(`a volume is detached that its node may have mounted (${OUT_OF_SERVICE}, or lost)`, attached);
      // First the node must know that the volume is not safe to mount any more.
      detaching.add(objectKey(attachment));
      await reconcileNode(nodeName, signal);
      const { uid } = attachment.metadata ?? {};
      await attachmentResource
        .delete(objectKey(attachment), undefined, { preconditions: { uid }, signal })
        .catch(unless(isNotFound));
    }
    for (const attachment of plan.attach) {
      await attachmentResource.create(attachment, { signal }).catch(unless(isAlreadyExists));
    }
    return plan.nextMs === undefined ? undefined : { requeueAfterMs: plan.nextMs };
  }

  async function reconcileNode(name: string, signal: AbortSignal): Promise<undefined> {
    const node = nodeInformer.get(name);
    if (!node || !isManaged(node)) return undefined;
    const attached = attachments
      .byIndex(BY_NODE, name)
      .filter((one) => one.status?.attached && !one.metadata?.deletionTimestamp && !detaching.has(objectKey(one)))
      .flatMap(({ spec }) => volumes.get(spec.source.persistentVolumeName ?? "") ?? [])
      .filter(({ spec }) => spec?.csi)
      .map((volume) => ({ name: uniqueVolumeName(volume), devicePath: "" }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const known = [...(node.status?.volumesAttached ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
    if (jsonEqual(known, attached)) return undefined;
    const patch = {
      metadata: { uid: node.metadata?.uid },
      status: { volumesAttached: attached.length > 0 ? attached : null },
    };
    await nodeResource
      .patch(name, undefined, "merge", patch, { subresource: "status", signal })
      .catch(unless(isNotFound));
    return undefined;
  }

  function announce({ spec }: VolumeAttachment) {
    const volume = volumes.get(spec.source.persistentVolumeName ?? "");
    if (!volume) return;
    for (const pod of wantedOf(volume).get(spec.nodeName) ?? []) {
      failures.forget(pod);
      const message = `AttachVolume.Attach succeeded for volume "${volume.metadata?.name}" `;
      recorder.event({ ...pod, apiVersion: "v1", kind: "Pod" }, "Normal", "SuccessfulAttachVolume", message);
    }
  }

  return {
    async run(signal) {
      await Promise.all([volumeLoop.run(signal), nodeLoop.run(signal)]);
    },
  };
}

/** Swallows the errors that mean that it is done already. */
const unless =
  (isDone: (error: unknown) => boolean) =>
  (error: unknown): undefined => {
    if (!isDone(error)) throw error;
  };
