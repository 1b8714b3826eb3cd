import { type KubeObject, objectKey } from "../api/object.ts";
import type { Clock } from "../base/clock.ts";
import type { Informer } from "./informer.ts";

/**
 * Remembers what was written on behalf of a key, until the local copies show it: who decides on older copies creates
 * and deletes things twice. Takes the part of client-go's expectations, but is exact: a write carries the resource
 * version that the copy must reach, which may be compared as a number (KEP-5504).
 */
export interface PendingWrites {
  /** `object` is what the server answered to a create, update or patch. */
  wrote<T extends KubeObject>(key: string, informer: Informer<T>, object: T): void;
  /** `object` is what was asked to be deleted; gone or marked as being deleted are both fine. */
  deleted<T extends KubeObject>(key: string, informer: Informer<T>, object: T): void;
  /** Whether all that was written for `key` can be seen. The informer's next change of such an object is the time to ask again. */
  settled(key: string): boolean;
  forget(key: string): void;
}

interface Pending {
  seen(): boolean;
  since: number;
}

/** A write that stays invisible for so long is no longer waited for: the server may have been restored from a backup. */
const GIVE_UP_MS = 300_000;

export function pendingWrites(clock: Clock): PendingWrites {
  const pending = new Map<string, Pending[]>();
  const add = (key: string, seen: () => boolean) => {
    if (seen()) return;
    const entry = { seen, since: clock.monotonic() };
    const present = pending.get(key);
    if (present) present.push(entry);
    else pending.set(key, [entry]);
  };
  return {
    wrote(key, informer, object) {
      const version = Number(object.metadata?.resourceVersion);
      // Versions that are no numbers can't be compared: then the copy is trusted.
      if (Number.isFinite(version)) add(key, () => !(Number(informer.resourceVersion) < version));
    },
    deleted(key, informer, object) {
      const name = objectKey(object);
      const uid = object.metadata?.uid;
      add(key, () => {
        const metadata = informer.get(name)?.metadata;
        return metadata?.uid !== uid || metadata?.deletionTimestamp !== undefined;
      });
    },
    settled(key) {
      const entries = pending.get(key);
      if (!entries) return true;
      const giveUp = clock.monotonic() - GIVE_UP_MS;
      const left = entries.filter((entry) => !entry.seen() && entry.since > giveUp);
      if (left.length === 0) pending.delete(key);
      else pending.set(key, left);
      return left.length === 0;
    },
    forget: (key) => void pending.delete(key),
  };
}
