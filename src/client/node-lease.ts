import { leases } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Lease } from "../api/types/coordination.v1.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Client } from "./client.ts";
import { microTime } from "./timestamps.ts";

export const LEASE_NAMESPACE = "kube-node-lease";
/** A lease is renewed when a quarter of its duration is over. */
const RENEW_FRACTION = 0.25;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 7000;

export interface NodeLeaseOptions {
  client: Client;
  clock: Clock;
  logger: Logger;
  nodeName: string;
  durationSeconds: number;
  /** The uid of the node's object, which owns the lease; undefined while it is not registered. */
  nodeUid(): string | undefined;
}

/**
 * Renews the node's lease until `signal` is aborted: the sign of life that the node lifecycle controller looks for
 * (KEP-589).
 */
export async function keepNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, logger, nodeName } = options;
  const resource = client.resource(leases);
  let latest: Lease | undefined;

  const renew = async (): Promise<Lease> => {
    latest ??= await resource.get(nodeName, LEASE_NAMESPACE, { signal }).catch((error) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const uid = options.nodeUid();
    const owner = uid ? { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid }] } : {};
    const spec = {
      ...latest?.spec,
      holderIdentity: nodeName,
      leaseDurationSeconds: options.durationSeconds,
      renewTime: microTime(clock.now()),
    };
    if (!latest) {
      return resource.create({ metadata: { name: nodeName, namespace: LEASE_NAMESPACE, ...owner }, spec }, { signal });
    }
    const metadata = latest.metadata?.ownerReferences?.length ? latest.metadata : { ...latest.metadata, ...owner };
    return resource.update({ ...latest, metadata, spec }, { signal });
  };

  let delayMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      latest = await renew();
      delayMs = FIRST_RETRY_MS;
    } catch (error) {
      if (signal.aborted) return;
      logger.debug("cannot renew the node's lease, trying again", { error });
      // Whoever changed it, look at it again.
      latest = undefined;
      await sleep(clock, delayMs, signal).catch(() => {});
      delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS);
      continue;
    }
    await sleep(clock, options.durationSeconds * 1000 * RENEW_FRACTION, signal).catch(() => {});
  }
}
