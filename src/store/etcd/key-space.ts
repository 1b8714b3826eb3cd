import { prefixEnd } from "../../base/sorted-map.ts";
import type { Entry } from "../store.ts";
import type { EtcdKeyValue } from "./schema.ts";

/**
 * Where the store's keys lie in etcd. The callers' root (`/registry`) is put in the place of another one
 * (`--etcd-prefix`); nothing outside of it is read, written or watched:
 *
 *     root /registry, etcd prefix /prod      /registry/pods/default/a  <->  /prod/pods/default/a
 *     a range over ""                        all keys that begin with /prod/
 */
export interface KeySpace {
  /** Throws a RangeError for a key that does not lie below the root. */
  toEtcd(key: string): Buffer;
  /** The keys of etcd that a prefix means. An empty end means one without end. */
  range(prefix: string): { key: Buffer; end: Buffer };
  contains(key: Uint8Array): boolean;
  entry(found: EtcdKeyValue): Entry;
  key(etcdKey: Buffer): string;
}

/** How etcd writes a range without an end. */
export const NO_END = Buffer.from([0]);
/** All keys that there are. */
export const EVERYTHING = { key: NO_END, end: NO_END };

export function keySpace(root: string, etcdPrefix: string): KeySpace {
  for (const path of [root, etcdPrefix]) {
    if (path !== "" && !/^(\/[^/]+)+$/.test(path))
      throw new RangeError(`not a prefix of keys: ${JSON.stringify(path)}`);
  }
  const own = Buffer.from(`${etcdPrefix}/`);
  const place = (key: string): string => etcdPrefix + key.slice(root.length);
  const toKey = (etcdKey: Buffer): string => root + etcdKey.subarray(own.length - 1).toString("utf8");
  return {
    toEtcd(key) {
      if (!key.startsWith(`${root}/`)) throw new RangeError(`${JSON.stringify(key)} does not lie below ${root}/`);
      return Buffer.from(place(key));
    },
    range(prefix) {
      const whole = `${root}/`;
      if (!whole.startsWith(prefix) && !prefix.startsWith(whole)) {
        throw new RangeError(`${JSON.stringify(prefix)} does not lie below ${whole}`);
      }
      const start = place(prefix.length > whole.length ? prefix : whole);
      const end = prefixEnd(start);
      return { key: Buffer.from(start), end: end === undefined ? NO_END : Buffer.from(end) };
    },
    contains: (key) => key.length >= own.length && own.compare(key, 0, own.length) === 0,
    entry: ({ key, value, create_revision, mod_revision }) => ({
      key: toKey(key),
      // A copy: what was received lies in one buffer, which one small value would keep.
      value: Buffer.from(value),
      createRevision: create_revision,
      modRevision: mod_revision,
    }),
    key: toKey,
  };
}
