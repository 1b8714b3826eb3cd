import { apiVersionOf, type KubeObject, objectKey, type ResourceType } from "../../api/object.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { Client } from "../../client/client.ts";
import { reflect } from "../../client/reflector.ts";
import { type DiscoveredResource, type Discovery, discover } from "../discovery.ts";

export interface MonitorsOptions {
  client: Client;
  clock: Clock;
  random: Random;
  logger: Logger;
  observe(type: ResourceType, object: KubeObject): void;
  remove(uid: string): void;
}

/** Watches the metadata of every resource that can be collected, whatever the server serves at the time. */
export interface Monitors {
  /** Brings the set of watches up to date with what is served. Rejects where that can't be learnt. */
  sync(signal: AbortSignal): Promise<void>;
  /** Resolves when each of the present watches has listed once. */
  synced(): Promise<unknown>;
  /** The resource of a kind; of any version, since all versions show the same objects. */
  resolve(group: string, kind: string): ResourceType | undefined;
  stop(): Promise<void>;
}

interface Monitor {
  readonly synced: Promise<void>;
  stop(): Promise<void>;
}

/** Events are many, short-lived, and own nothing. */
const IGNORED = new Set(["events.", "events.events.k8s.io"]);
const NEEDED_VERBS = ["delete", "list", "watch"];

export function monitors(options: MonitorsOptions): Monitors {
  const { client, clock, random, logger } = options;
  const running = new Map<string, Monitor>();
  const kinds = new Map<string, ResourceType>();

  const start = (type: DiscoveredResource): Monitor => {
    const stopping = new AbortController();
    const { promise: synced, resolve } = Promise.withResolvers<void>();
    /** Which object goes by a name; all that is kept of the list. */
    const uids = new Map<string, string>();
    const put = (object: KubeObject) => {
      const key = objectKey(object);
      const uid = object.metadata?.uid ?? "";
      const before = uids.get(key);
      if (before !== undefined && before !== uid) options.remove(before);
      uids.set(key, uid);
      options.observe(type, object);
    };
    const drop = (key: string) => {
      const uid = uids.get(key);
      uids.delete(key);
      if (uid !== undefined) options.remove(uid);
    };
    const done = reflect({
      resource: client.resource(type, { metadataOnly: true }),
      clock,
      random,
      logger,
      signal: stopping.signal,
      target: {
        replace(objects) {
          const present = new Set(objects.map(objectKey));
          for (const object of objects) put(object);
          for (const key of [...uids.keys()]) if (!present.has(key)) drop(key);
          resolve();
        },
        change: (kind, object) => (kind === "DELETED" ? drop(objectKey(object)) : put(object)),
      },
    });
    return {
      synced,
      async stop() {
        stopping.abort();
        await done;
        for (const key of [...uids.keys()]) drop(key);
      },
    };
  };

  return {
    async sync(signal) {
      const discovery = await discover(client, signal);
      const keyOf = (type: ResourceType) => `${type.resource}.${type.group}`;
      const wanted = new Map<string, DiscoveredResource>();
      for (const type of discovery.resources) {
        kinds.set(`${type.kind}.${type.group}`, type);
        const collectable = NEEDED_VERBS.every((verb) => type.verbs.includes(verb));
        if (collectable && !IGNORED.has(keyOf(type))) wanted.set(`${keyOf(type)}/${type.version}`, type);
      }
      for (const [groupVersion, error] of discovery.failures) {
        logger.warn("cannot discover a group version, its objects are not collected meanwhile", {
          groupVersion,
          error,
        });
      }
      for (const [key, monitor] of running) {
        // Of a group that can't be asked nothing is known: its watch goes on.
        if (wanted.has(key) || isUncertain(key, discovery)) continue;
        running.delete(key);
        await monitor.stop();
      }
      if (signal.aborted) return;
      for (const [key, type] of wanted) if (!running.has(key)) running.set(key, start(type));
    },
    synced: () => Promise.all([...running.values()].map((monitor) => monitor.synced)),
    resolve: (group, kind) => kinds.get(`${kind}.${group}`),
    async stop() {
      await Promise.all([...running.values()].map((monitor) => monitor.stop()));
      running.clear();
    },
  };
}

function isUncertain(key: string, discovery: Discovery): boolean {
  const [resource = "", version = ""] = key.split("/");
  const group = resource.slice(resource.indexOf(".") + 1);
  return discovery.failures.has(apiVersionOf({ group, version }));
}
