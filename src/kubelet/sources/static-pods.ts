import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { type Files, isNotFound } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import {
  apiTime,
  CONFIG_HASH_ANNOTATION,
  CONFIG_SEEN_ANNOTATION,
  CONFIG_SOURCE_ANNOTATION,
  podName,
  podUid,
} from "../pod/pod.ts";
import type { PodHandlers } from "./api-pods.ts";

/** The node's own pods: one manifest per file of a directory. See https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/. */
export interface StaticPods {
  /** Reads the directory once and tells of what has changed. */
  read(): Promise<void>;
  /** Reads at intervals, and soon after a change. */
  start(): Promise<void>;
  stop(): void;
}

export interface StaticPodsOptions {
  /** A directory, or a single file. */
  path: string;
  nodeName: string;
  frequencyMs: number;
  files: Files;
  clock: Clock;
  logger: Logger;
  handlers: PodHandlers;
}

/** Editors write in several steps; what they make of a file is looked at when they are done. */
const SETTLE_MS = 200;

export function staticPods(options: StaticPodsOptions): StaticPods {
  const { path, files, clock, logger, handlers } = options;
  const known = new Map<string, Pod>();
  let timer: Timer | undefined;
  let soon: Timer | undefined;
  let watcher: { close(): void } | undefined;
  let reading: Promise<void> = Promise.resolve();

  const readAll = async () => {
    const found = new Map<string, Pod>();
    for (const file of await manifests(files, path)) {
      try {
        const text = await files.readFile(file, "utf8");
        const pod = await staticPod(text, { file, nodeName: options.nodeName, now: clock.now() });
        found.set(podUid(pod), pod);
      } catch (error) {
        // A manifest that vanished or is being written; others must not suffer for it.
        if (!isNotFound(error)) logger.error("cannot read a static pod's manifest", { file, error });
      }
    }
    for (const [uid, pod] of known) {
      if (found.has(uid)) continue;
      known.delete(uid);
      handlers.remove(pod);
    }
    for (const [uid, pod] of found) {
      if (known.has(uid)) continue;
      known.set(uid, pod);
      handlers.set(pod);
    }
  };
  const read = () => {
    reading = reading.then(readAll).catch((error) => logger.error("cannot read the static pods", { path, error }));
    return reading;
  };

  return {
    read,
    async start() {
      await read();
      timer = clock.every(options.frequencyMs, () => void read());
      try {
        watcher = files.watch(path, { persistent: false }, () => {
          soon ??= clock.after(SETTLE_MS, () => {
            soon = undefined;
            void read();
          });
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
    stop() {
      timer?.cancel();
      soon?.cancel();
      watcher?.close();
    },
  };
}

/** The files to read: hidden ones are left out, as editors' leftovers are. */
async function manifests(files: Files, path: string): Promise<string[]> {
  let isDirectory: boolean;
  try {
    isDirectory = (await files.stat(path)).isDirectory();
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
  if (!isDirectory) return [path];
  const names = await files.readdir(path);
  return names
    .filter((name) => !name.startsWith("."))
    .sort()
    .map((name) => join(path, name));
}

/** A manifest as a pod of this node: defaulted as the API would, named after the node, with a uid from its content. */
export async function staticPod(text: string, where: { file: string; nodeName: string; now: number }): Promise<Pod> {
  // Few nodes have static pods; the others need not load the codec.
  const [{ parseYaml }, { decodeValue }, { defaultPod }] = await Promise.all([
    import("../../api/codec/yaml.ts"),
    import("../../api/codec/decode.ts"),
    import("../../api/resources/core/pod-defaults.ts"),
  ]);
  const { value } = parseYaml(text);
  const kind = (value as { kind?: unknown } | null)?.kind;
  if (kind !== "Pod") throw new Error(`the manifest is not of a Pod but of ${JSON.stringify(kind ?? null)}`);
  const { object } = decodeValue(value, { group: "", version: "v1", kind: "Pod" }, { strict: false });
  const pod = object as Pod;
  if (!pod.metadata?.name) throw new Error("the manifest names no pod (metadata.name)");
  if (!pod.spec?.containers?.length) throw new Error("the manifest has no containers (spec.containers)");
  if (pod.spec.serviceAccountName) throw new Error("static pods may not refer to a service account");
  defaultPod(pod);
  const uid = pod.metadata.uid || createHash("md5").update(`${where.nodeName}\n${where.file}\n${text}`).digest("hex");
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      name: `${podName(pod)}-${where.nodeName.toLowerCase()}`,
      namespace: pod.metadata.namespace || "default",
      uid,
      annotations: {
        ...pod.metadata.annotations,
        [CONFIG_HASH_ANNOTATION]: uid,
        [CONFIG_SEEN_ANNOTATION]: apiTime(where.now),
        [CONFIG_SOURCE_ANNOTATION]: "file",
      },
    },
    spec: {
      ...pod.spec,
      nodeName: where.nodeName,
      // A node's own pods stay on it whatever befalls it.
      tolerations: [...(pod.spec.tolerations ?? []), { operator: "Exists", effect: "NoExecute" }],
    },
    status: { phase: "Pending" },
  };
}
