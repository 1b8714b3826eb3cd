import { join } from "node:path";
import type { Pod, Volume } from "../../api/types/core.v1.ts";
import type { Files } from "../../base/files.ts";
import { allContainers, podUid } from "../pod/pod.ts";
import { type Mounter, unmountBelow } from "./mounter.ts";
import { bindSubPath } from "./subpath.ts";
import { type MountedVolume, pluginDirectory, type VolumePlugin, volumeKind } from "./volume.ts";

/** One volume that could not be set up. */
export class VolumeError extends Error {
  readonly volume: string;
  constructor(volume: string, cause: Error) {
    super(`MountVolume.SetUp failed for volume "${volume}" : ${cause.message}`, { cause });
    this.name = "VolumeError";
    this.volume = volume;
  }
}

export interface VolumeManager {
  /**
   * Sets up the volumes that the pod's containers use, all at once, and brings those up to date that follow the
   * cluster; cheap where nothing changed. Rejects with an AggregateError of VolumeErrors.
   */
  setUp(pod: Pod): Promise<ReadonlyMap<string, MountedVolume>>;
  /** A part of a volume for one mount of a container. */
  subPath(pod: Pod, volume: string, container: string, index: number, path: string): Promise<string>;
  /** Takes the pod's volumes down, mounts and data; its directory stays, with the containers' termination messages. */
  tearDown(podUid: string): Promise<void>;
  /** Takes down what there is of the pod and removes its directory. */
  removePod(podUid: string): Promise<void>;
  /** The pods that have a directory on this node, running or not. */
  podsOnDisk(): Promise<string[]>;
  /** Must be called once before anything else: makes the places for volumes. */
  start(): Promise<void>;
}

export interface VolumeManagerOptions {
  files: Files;
  mounter: Mounter;
  plugins: readonly VolumePlugin[];
  /** The kubelet's own directory. */
  rootDir: string;
  pid: number;
}

interface PodVolumes {
  mounted: Map<string, MountedVolume>;
}

/**
 * Layout, as upstream's: `pods/<uid>/volumes/<plugin>/<name>`. Volumes in memory lie in the same way below `memory/`,
 * one tmpfs for all pods: a mount each would cost some 5 ms of every pod's start.
 */
export function volumeManager(options: VolumeManagerOptions): VolumeManager {
  const { files, mounter, plugins, rootDir } = options;
  const pods = new Map<string, PodVolumes>();
  const podDirectory = (uid: string) => join(rootDir, "pods", uid);
  const memory = join(rootDir, "memory");

  const directoryOf = (uid: string, plugin: VolumePlugin, name: string) =>
    plugin.inMemory
      ? join(memory, uid, pluginDirectory(plugin.name), name)
      : join(podDirectory(uid), "volumes", pluginDirectory(plugin.name), name);

  const setUpOne = async (pod: Pod, known: PodVolumes, volume: Volume): Promise<void> => {
    const plugin = plugins.find((candidate) => candidate.supports(volume));
    if (!plugin) {
      throw new VolumeError(
        volume.name,
        new Error(`volumes of kind "${volumeKind(volume)}" are not supported by this kubelet`),
      );
    }
    if (known.mounted.has(volume.name) && !plugin.refreshes) return;
    try {
      const directory = directoryOf(podUid(pod), plugin, volume.name);
      known.mounted.set(volume.name, await plugin.setUp({ pod, volume, directory }));
    } catch (error) {
      throw new VolumeError(volume.name, error as Error);
    }
  };

  const tearDown = async (uid: string) => {
    pods.delete(uid);
    const directory = podDirectory(uid);
    // Nothing may be removed through a mount: what a volume binds is somebody else's data.
    await unmountBelow(mounter, directory);
    await Promise.all(
      [join(memory, uid), join(directory, "volumes"), join(directory, "volume-subpaths")].map((path) =>
        files.rm(path, { recursive: true, force: true }),
      ),
    );
  };

  return {
    async start() {
      await files.mkdir(rootDir, { recursive: true, mode: 0o750 });
      await mounter.share(rootDir);
      await files.mkdir(join(rootDir, "pods"), { recursive: true, mode: 0o750 });
      await files.mkdir(memory, { recursive: true, mode: 0o755 });
      if (!(await mounter.list()).includes(memory)) await mounter.tmpfs(memory, ["mode=0755"]);
    },
    async setUp(pod) {
      const uid = podUid(pod);
      let known = pods.get(uid);
      if (!known) {
        known = { mounted: new Map() };
        pods.set(uid, known);
      }
      const used = new Set(
        allContainers(pod).flatMap(({ container }) => [
          ...(container.volumeMounts ?? []).map(({ name }) => name),
          ...(container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.fileKeyRef?.volumeName ?? []),
        ]),
      );
      const wanted = (pod.spec?.volumes ?? []).filter((volume) => used.has(volume.name));
      const results = await Promise.allSettled(wanted.map((volume) => setUpOne(pod, known, volume)));
      const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
      if (errors.length > 0) throw new AggregateError(errors, errors.map((error) => error.message).join("; "));
      return known.mounted;
    },
    async subPath(pod, volume, container, index, path) {
      const mounted = pods.get(podUid(pod))?.mounted.get(volume);
      if (!mounted) throw new Error(`volume "${volume}" is not set up`);
      const target = join(podDirectory(podUid(pod)), "volume-subpaths", volume, container, String(index));
      return bindSubPath({ files, mounter, pid: options.pid }, mounted.path, path, target);
    },
    tearDown,
    async removePod(uid) {
      await tearDown(uid);
      await files.rm(podDirectory(uid), { recursive: true, force: true });
    },
    async podsOnDisk() {
      const [onDisk, inMemory] = await Promise.all([files.readdir(join(rootDir, "pods")), files.readdir(memory)]);
      return [...new Set([...onDisk, ...inMemory])];
    },
  };
}
