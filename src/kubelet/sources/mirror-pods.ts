import { pods } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Node, Pod } from "../../api/types/core.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Client } from "../../client/client.ts";
import { CONFIG_HASH_ANNOTATION, CONFIG_MIRROR_ANNOTATION, podName, podNamespace, podUid } from "../pod/pod.ts";

/** Objects in the API that show the node's static pods; deleting one of them changes nothing but that it comes back. */
export interface MirrorPods {
  /** The mirror of a static pod, if there is one now. */
  of(pod: Pod): Pod | undefined;
  /** Takes in a mirror as the API has it. */
  set(mirror: Pod): void;
  remove(mirror: Pod): void;
  /** Makes, replaces and deletes mirrors so that there is one for each of the node's static pods. */
  reconcile(): void;
  stop(): void;
}

export interface MirrorPodsOptions {
  client: Client;
  clock: Clock;
  logger: Logger;
  /** The static pods that the node has now. */
  statics(): readonly Pod[];
  node(): Node | undefined;
  /** Called when the mirror of a static pod has appeared or changed. */
  onMirror(pod: Pod, mirror: Pod): void;
}

const RETRY_MS = 5000;
const fullName = (pod: Pod) => `${podNamespace(pod)}/${podName(pod)}`;

export function mirrorPods(options: MirrorPodsOptions): MirrorPods {
  const { client, clock, logger } = options;
  const resource = client.resource(pods);
  const mirrors = new Map<string, Pod>();
  let running = false;
  let dirty = false;
  let timer: Timer | undefined;
  let stopped = false;

  const shows = (mirror: Pod, pod: Pod) =>
    mirror.metadata?.annotations?.[CONFIG_MIRROR_ANNOTATION] === pod.metadata?.annotations?.[CONFIG_HASH_ANNOTATION];
  const fits = (mirror: Pod, pod: Pod) => !mirror.metadata?.deletionTimestamp && shows(mirror, pod);

  const drop = async (mirror: Pod) => {
    const options = { gracePeriodSeconds: 0, preconditions: { uid: podUid(mirror) } };
    await resource.delete(podName(mirror), podNamespace(mirror), options).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
    if (mirrors.get(fullName(mirror)) === mirror) mirrors.delete(fullName(mirror));
  };
  const make = async (pod: Pod, node: Node) => {
    const { uid: _, ...metadata } = pod.metadata ?? {};
    const mirror = await resource.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        ...metadata,
        annotations: {
          ...metadata.annotations,
          [CONFIG_MIRROR_ANNOTATION]: metadata.annotations?.[CONFIG_HASH_ANNOTATION] ?? "",
        },
        ownerReferences: [
          {
            apiVersion: "v1",
            kind: "Node",
            name: node.metadata?.name ?? "",
            uid: node.metadata?.uid ?? "",
            controller: true,
          },
        ],
      },
      spec: pod.spec,
    });
    mirrors.set(fullName(pod), mirror);
    options.onMirror(pod, mirror);
  };

  const once = async () => {
    const node = options.node();
    const wanted = new Map(options.statics().map((pod) => [fullName(pod), pod]));
    for (const [name, mirror] of mirrors) {
      const pod = wanted.get(name);
      if (!pod || !fits(mirror, pod)) await drop(mirror);
    }
    if (!node) return;
    for (const [name, pod] of wanted) if (!mirrors.has(name)) await make(pod, node);
  };
  const reconcile = () => {
    dirty = true;
    if (running || stopped) return;
    running = true;
    void (async () => {
      while (dirty && !stopped) {
        dirty = false;
        try {
          await once();
        } catch (error) {
          logger.warn("cannot bring the mirrors of static pods up to date, trying again", { error });
          timer?.cancel();
          timer = clock.after(RETRY_MS, reconcile);
        }
      }
      running = false;
    })();
  };

  return {
    of(pod) {
      // While a static pod gives way to its successor, the mirror of that name shows only one of them.
      const mirror = mirrors.get(fullName(pod));
      return mirror && shows(mirror, pod) ? mirror : undefined;
    },
    set(mirror) {
      mirrors.set(fullName(mirror), mirror);
      const pod = options.statics().find((candidate) => fullName(candidate) === fullName(mirror));
      if (pod && fits(mirror, pod)) options.onMirror(pod, mirror);
      else reconcile();
    },
    remove(mirror) {
      if (podUid(mirrors.get(fullName(mirror)) ?? {}) === podUid(mirror)) mirrors.delete(fullName(mirror));
      reconcile();
    },
    reconcile,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
