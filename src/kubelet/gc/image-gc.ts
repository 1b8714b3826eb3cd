import { parseImageReference } from "../../api/image-reference.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import type { ContainerStatus, Image, Runtime } from "../runtime.ts";

/** Removes images that nothing uses when their file system fills up. https://kubernetes.io/docs/concepts/architecture/garbage-collection/ */
export interface ImageGc {
  /** Looks at the disk and frees what the thresholds ask for. Rejects where that could not be had. */
  run(): Promise<void>;
  /** Frees all that nothing uses; the bytes freed. */
  freeUnused(): Promise<number>;
  start(): void;
  stop(): void;
}

export interface ImageGcOptions {
  runtime: Runtime;
  files: Files;
  clock: Clock;
  logger: Logger;
  highPercent: number;
  lowPercent: number;
  minimumAgeMs: number;
  /** Images unused for longer go whether or not the disk is full; 0: never. */
  maximumAgeMs: number;
  /** Tells the node's users that too little could be freed. */
  onFailure(message: string): void;
}

interface ImageRecord {
  detectedAt: number;
  usedAt: number;
}
export interface Candidate extends ImageRecord {
  image: Image;
}

const PERIOD_MS = 5 * 60_000;

export function imageGc(options: ImageGcOptions): ImageGc {
  const { runtime, files, clock, logger } = options;
  const records = new Map<string, ImageRecord>();
  let timer: Timer | undefined;

  /** Notes which images there are and which are in use; returns those that may go, the longest unused first. */
  const detect = async (): Promise<Candidate[]> => {
    const [images, containers] = await Promise.all([runtime.listImages(), runtime.listContainers()]);
    const now = clock.now();
    for (const id of records.keys()) if (!images.some((image) => image.id === id)) records.delete(id);
    const unused: Candidate[] = [];
    for (const image of images) {
      const known = records.get(image.id) ?? { detectedAt: now, usedAt: 0 };
      records.set(image.id, known);
      if (isUsed(image, containers)) known.usedAt = now;
      else if (!image.pinned && !isPause(image)) unused.push({ image, ...known });
    }
    return unused.sort((a, b) => a.usedAt - b.usedAt || a.detectedAt - b.detectedAt);
  };

  const remove = async ({ image }: Candidate): Promise<number> => {
    await runtime.removeImage(image.id);
    records.delete(image.id);
    logger.info("removed an unused image", { image: image.repoTags[0] ?? image.id, bytes: image.sizeBytes });
    return image.sizeBytes;
  };

  const run = async () => {
    const unused = await detect();
    const now = clock.now();
    if (options.maximumAgeMs > 0) {
      for (const candidate of unused) {
        if (now - Math.max(candidate.usedAt, candidate.detectedAt) > options.maximumAgeMs) await remove(candidate);
      }
    }
    const { mountpoint } = await runtime.imageFsInfo();
    const { blocks, bavail, bsize } = await files.statfs(mountpoint);
    const capacity = blocks * bsize;
    const usedPercent = capacity === 0 ? 0 : 100 - Math.trunc((bavail * 100) / blocks);
    if (usedPercent < options.highPercent) return;
    const wanted = Math.trunc((capacity * (100 - options.lowPercent)) / 100) - bavail * bsize;
    let freed = 0;
    for (const candidate of oldEnough(unused, now, options.minimumAgeMs)) {
      if (freed >= wanted) break;
      if (records.has(candidate.image.id)) freed += await remove(candidate);
    }
    if (freed < wanted) {
      options.onFailure(
        `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`,
      );
    }
  };
  const guarded = () => void run().catch((error) => logger.warn("cannot remove unused images", { error }));

  return {
    run,
    async freeUnused() {
      let freed = 0;
      for (const candidate of await detect()) freed += await remove(candidate);
      return freed;
    },
    start() {
      void detect().catch((error) => logger.warn("cannot list the images", { error }));
      timer = clock.every(PERIOD_MS, guarded);
    },
    stop: () => timer?.cancel(),
  };
}

/** One that has only just come may be about to be used. */
export function oldEnough(unused: readonly Candidate[], now: number, minimumAgeMs: number): Candidate[] {
  return unused.filter(({ detectedAt }) => now - detectedAt >= minimumAgeMs);
}

export function isUsed(image: Image, containers: readonly Pick<ContainerStatus, "image" | "imageRef">[]): boolean {
  const names = new Set([image.id, ...image.repoTags, ...image.repoDigests]);
  return containers.some(({ image: name, imageRef }) => names.has(name) || names.has(imageRef));
}

/** What sandboxes run is used by no container, and without it none can be made. */
function isPause({ repoTags, repoDigests }: Image): boolean {
  return [...repoTags, ...repoDigests].some((name) => parseImageReference(name).path.split("/").at(-1) === "pause");
}
