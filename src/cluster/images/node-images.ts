import { formatImageReference, parseImageReference } from "../../api/image-reference.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { dialGrpc, type GrpcChannel, GrpcError } from "../../base/grpc.ts";
import type { Random } from "../../base/random.ts";
import { cri } from "../../kubelet/runtimes/cri/schema.ts";
import { containerd } from "./containerd-schema.ts";
import { type ImportedImage, importImage } from "./import.ts";
import type { ImageSource } from "./oci.ts";
import { pauseImage } from "./pause.ts";

/** The containerd of one node. */
export interface NodeImages {
  readonly socket: string;
}

interface Effects {
  readonly clock: Clock;
  readonly random: Random;
}

/** An image that a node has. */
export interface ListedImage {
  /** The names with tags; empty for one that is known by its digest alone. */
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly id: string;
  readonly sizeBytes: number;
}

/**
 * Puts all images of a source into the containerds of the given nodes, where the kubelet then finds them without asking
 * a registry. Rejects with the node's socket where one refuses.
 */
export async function loadImages(
  effects: Effects,
  nodes: readonly NodeImages[],
  source: ImageSource,
  options: { pinned?: boolean; signal?: AbortSignal } = {},
): Promise<ImportedImage[]> {
  const loaded = await Promise.all(
    nodes.map((node) =>
      withChannel(node, async (channel) => {
        const images: ImportedImage[] = [];
        for (const image of source.images)
          images.push(await importImage({ ...effects, channel }, source, image, options));
        return images;
      }),
    ),
  );
  return loaded[0] ?? [];
}

/** Makes sure that a node has the image of the sandboxes' first process, building it where it is missing. */
export async function ensurePauseImage(effects: Effects, node: NodeImages, name: string): Promise<void> {
  const present = await withChannel(node, async (channel) => (await channel.unary(cri.imageStatus, named(name))).image);
  if (!present) await loadImages(effects, [node], await pauseImage(name), { pinned: true });
}

/** The images of a node, by their first name. */
export async function listImages(node: NodeImages): Promise<ListedImage[]> {
  const { images } = await withChannel(node, (channel) => channel.unary(cri.listImages, {}));
  return images
    .map(({ id, repoTags, repoDigests, size }) => ({ id, tags: repoTags, digests: repoDigests, sizeBytes: size }))
    .sort((a, b) => ((a.tags[0] ?? a.id) < (b.tags[0] ?? b.id) ? -1 : 1));
}

/**
 * Takes a name away from a node, and the image with it where that was its last; an id (`sha256:…`, or the beginning of
 * its digits) takes all names. False where the node has no such image.
 */
export async function removeImage({ clock }: Pick<Effects, "clock">, node: NodeImages, name: string): Promise<boolean> {
  return withChannel(node, async (channel) => {
    const { images } = await channel.unary(cri.listImages, {});
    const byId = /^(?:sha256:)?([0-9a-f]{6,64})$/.exec(name)?.[1];
    const image = byId === undefined ? undefined : images.find(({ id }) => id.startsWith(`sha256:${byId}`));
    if (image) {
      await channel.unary(cri.removeImage, named(image.id));
      return true;
    }
    const full = formatImageReference(parseImageReference(name));
    const holder = images.find(({ repoTags, repoDigests }) => repoTags.includes(full) || repoDigests.includes(full));
    if (!holder) return false;
    if (holder.repoTags.length <= 1) {
      await channel.unary(cri.removeImage, named(holder.id));
      return true;
    }
    try {
      const call = { metadata: { "containerd-namespace": "k8s.io" } };
      await channel.unary(containerd.deleteImage, { name: full, sync: true }, call);
    } catch (error) {
      if (!(error instanceof GrpcError && error.code === "not-found")) throw error;
    }
    // CRI hears of it by an event.
    while ((await channel.unary(cri.imageStatus, named(full))).image) await sleep(clock, 5);
    return true;
  });
}

const named = (image: string) => ({ image: { image } });

async function withChannel<T>(node: NodeImages, use: (channel: GrpcChannel) => Promise<T>): Promise<T> {
  const channel = dialGrpc(`unix:${node.socket}`);
  try {
    return await use(channel);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    throw new Error(`the containerd at ${node.socket}: ${error.message}`, { cause: error });
  } finally {
    channel.close();
  }
}
