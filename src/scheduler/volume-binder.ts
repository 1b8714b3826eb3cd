import { objectKey } from "../api/object.ts";
import { persistentVolumeClaims, persistentVolumes } from "../api/resource-types.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../api/types/core.v1.ts";
import { storageClassOf, volumeAnnotations } from "../api/volume-matching.ts";
import { type Clock, deadline } from "../base/clock.ts";
import type { Client } from "../client/client.ts";
import type { InformerFactory } from "../client/informer.ts";
import type { VolumeChoice } from "./plugins/volume-binding.ts";

/** Upstream's `bindTimeoutSeconds`. */
const BIND_TIMEOUT_MS = 600_000;

const CLASS_INDEX = "unclaimed volumes by class";

/** Chooses nobody's volumes twice, and has claims bound before their pod is. */
export interface VolumeBinder {
  /** Volumes that the claim may get: of its class and free, or reserved for it. */
  volumesFor(claim: PersistentVolumeClaim): PersistentVolume[];
  /** Keeps the chosen volumes from being chosen again. */
  assume(choice: VolumeChoice): void;
  forget(choice: VolumeChoice): void;
  /** Writes what was chosen and resolves when the claims are bound. Rejects where they can't be, or not in time. */
  bind(choice: VolumeChoice, node: string, signal: AbortSignal): Promise<void>;
}

export function volumeBinder({
  client,
  informers,
  clock,
}: {
  client: Client;
  informers: InformerFactory;
  clock: Clock;
}): VolumeBinder {
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  /** The uid of the claim that each volume was chosen for. */
  const assumed = new Map<string, string>();
  const reserved = ({ spec }: PersistentVolume) => !spec?.claimRef?.uid;
  volumes.addIndex(CLASS_INDEX, (volume) => (reserved(volume) ? [storageClassOf(volume)] : []));

  const annotate = <T extends PersistentVolume | PersistentVolumeClaim>(object: T, key: string, value: string): T => ({
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata?.annotations, [key]: value } },
  });

  /** Whether the claim is bound; throws where it never will be to what was chosen. */
  const isBound = (key: string, uid: string | undefined, node: string | undefined): boolean => {
    const claim = claims.get(key);
    if (!claim || claim.metadata?.uid !== uid) throw new Error(`persistentvolumeclaim "${key}" is gone`);
    const { annotations } = claim.metadata ?? {};
    if (annotations?.[volumeAnnotations.bindCompleted] !== undefined) return Boolean(claim.spec?.volumeName);
    if (node !== undefined && annotations?.[volumeAnnotations.selectedNode] !== node) {
      throw new Error(`selectedNode annotation reset for PVC "${claim.metadata?.name}"`);
    }
    return false;
  };

  return {
    volumesFor: (claim) =>
      volumes.byIndex(CLASS_INDEX, storageClassOf(claim)).filter((volume) => {
        const holder = assumed.get(volume.metadata!.name!);
        return holder === undefined || holder === claim.metadata?.uid;
      }),
    assume({ bind }) {
      for (const { claim, volume } of bind) assumed.set(volume.metadata!.name!, claim.metadata!.uid!);
    },
    forget({ bind }) {
      for (const { volume } of bind) assumed.delete(volume.metadata!.name!);
    },
    async bind({ bind, provision }, node, signal) {
      const limit = deadline(clock, BIND_TIMEOUT_MS, signal);
      try {
        for (const { claim, volume } of bind) {
          const { name, namespace, uid, resourceVersion } = claim.metadata ?? {};
          const claimRef = { kind: "PersistentVolumeClaim", namespace, name, uid, apiVersion: "v1", resourceVersion };
          const ours = volume.spec?.claimRef ? volume : annotate(volume, volumeAnnotations.boundByController, "yes");
          await client
            .resource(persistentVolumes)
            .update({ ...ours, spec: { ...ours.spec, claimRef } }, { signal: limit.signal });
        }
        const asked = new Map<string, number>();
        for (const claim of provision) {
          if (claim.metadata?.annotations?.[volumeAnnotations.selectedNode] === node) continue;
          const told = annotate(claim, volumeAnnotations.selectedNode, node);
          const written = await client.resource(persistentVolumeClaims).update(told, { signal: limit.signal });
          asked.set(objectKey(claim), Number(written.metadata?.resourceVersion));
        }
        const waiting = [...bind.map(({ claim }) => claim), ...provision];
        await new Promise<void>((resolve, reject) => {
          const settle = (outcome: () => void) => {
            off();
            limit.signal.removeEventListener("abort", onAbort);
            outcome();
          };
          const onAbort = () => settle(() => reject(limit.signal.reason));
          const look = () => {
            try {
              const done = waiting.every((claim) => {
                const key = objectKey(claim);
                const seen = Number(claims.resourceVersion) >= (asked.get(key) ?? 0);
                return isBound(key, claim.metadata?.uid, seen && provision.includes(claim) ? node : undefined);
              });
              if (done) settle(resolve);
            } catch (error) {
              settle(() => reject(error));
            }
          };
          const off = claims.on({ update: look, delete: look });
          if (limit.signal.aborted) onAbort();
          else limit.signal.addEventListener("abort", onAbort, { once: true });
          look();
        });
      } finally {
        limit.dispose();
      }
    },
  };
}
