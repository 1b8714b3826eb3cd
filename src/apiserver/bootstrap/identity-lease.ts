import { createHash } from "node:crypto";
import { leases } from "../../api/resource-types.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../api/status-error.ts";
import type { Lease } from "../../api/types/coordination.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Client } from "../../client/client.ts";
import { microTime } from "../../client/timestamps.ts";

const NAMESPACE = "kube-system";
const IDENTITY = "apiserver.kubernetes.io/identity";
const COMPONENT = "kube-apiserver";
/** As upstream (KEP-1965): leases last an hour, are renewed every 10 s, and looked through every hour. */
const DURATION_SECONDS = 3600;
export const RENEW_PERIOD_MS = 10_000;
export const SWEEP_PERIOD_MS = 3_600_000;

/** Who this server is, among those of the cluster. */
export interface ServerIdentity {
  /** `apiserver-…`, the same after a restart. */
  readonly name: string;
  readonly hostname: string | undefined;
  /** Another one at each start. */
  readonly holder: string;
}

/** Beside the host, the address counts: several servers may run on one. */
export function serverIdentity(hostname: string | undefined, address: string, uuid: string): ServerIdentity {
  const hash = createHash("sha256")
    .update(`${hostname ?? ""} ${address}`)
    .digest()
    .subarray(0, 16);
  const name = `apiserver-${base32(hash)}`;
  return { name, hostname, holder: `${name}_${uuid}` };
}

/** Makes or renews the Lease by which others can see that this server is there. */
export async function renewIdentityLease(client: Client, identity: ServerIdentity, clock: Clock): Promise<void> {
  const resource = client.resource(leases);
  const now = microTime(clock.now());
  const { hostname } = identity;
  // A label holds no longer one.
  const named: Record<string, string> = hostname && hostname.length <= 63 ? { "kubernetes.io/hostname": hostname } : {};
  const labels = { [IDENTITY]: COMPONENT, ...named };
  const spec = { holderIdentity: identity.holder, leaseDurationSeconds: DURATION_SECONDS, renewTime: now };
  try {
    const present = await resource.get(identity.name, NAMESPACE);
    const metadata = { ...present.metadata, labels: { ...present.metadata?.labels, ...labels } };
    await resource.update({ ...present, metadata, spec: { ...present.spec, ...spec } });
  } catch (error) {
    if (isConflict(error)) return; // renewed the next time
    if (!isNotFound(error)) throw error;
    await resource
      .create({ metadata: { name: identity.name, namespace: NAMESPACE, labels }, spec })
      .catch((failure) => {
        if (!isAlreadyExists(failure)) throw failure;
      });
  }
}

/** Removes the Leases of servers that have not been there for an hour. */
export async function removeExpiredIdentities(client: Client, clock: Clock): Promise<void> {
  const resource = client.resource(leases);
  const { items } = await resource.list({ namespace: NAMESPACE, labelSelector: `${IDENTITY}=${COMPONENT}` });
  for (const lease of items) {
    if (!isExpired(lease, clock.now())) continue;
    const { name, uid, resourceVersion } = lease.metadata!;
    // With the version that was looked at: whoever renews it meanwhile is alive.
    const preconditions = { uid, resourceVersion };
    await resource.delete(name!, NAMESPACE, { preconditions }).catch((error) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  }
}

function isExpired({ spec }: Lease, now: number): boolean {
  if (!spec?.renewTime || !spec.leaseDurationSeconds) return true;
  return Date.parse(spec.renewTime) + spec.leaseDurationSeconds * 1000 < now;
}

/** RFC 4648 without padding, in lower case. */
function base32(bytes: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let text = "";
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
