import { formatImageReference, parseImageReference } from "../../api/image-reference.ts";
import { type Clock, deadline, sleep } from "../../base/clock.ts";
import { type CallOptions, type GrpcChannel, type GrpcCode, GrpcError } from "../../base/grpc.ts";
import type { Random } from "../../base/random.ts";
import { cri } from "../../kubelet/runtimes/cri/schema.ts";
import { containerd } from "./containerd-schema.ts";
import {
  type Descriptor,
  type ImageConfig,
  type ImageSource,
  type Manifest,
  readJson,
  resolveManifest,
  sha256,
} from "./oci.ts";

/** One containerd to put images into. */
export interface ImportTarget {
  readonly channel: GrpcChannel;
  readonly clock: Clock;
  readonly random: Random;
}

/** An image as it is now known to a node. */
export interface ImportedImage {
  /** The full name. */
  readonly name: string;
  /** The digest of its manifest, and of its configuration, which is its id in CRI. */
  readonly digest: string;
  readonly id: string;
}

/** The containerd namespace of everything that belongs to Kubernetes. */
const NAMESPACE = { "containerd-namespace": "k8s.io" };
/** CRI's own mark on image records; without it CRI would make the records that are made here. */
const MANAGED = { "io.cri-containerd.image": "managed" };
const PINNED = { "io.cri-containerd.pinned": "pinned" };
/** A lease that was left behind by a crash ends by itself. */
const LEASE_MS = 3_600_000;
/** Well below gRPC's message limit; larger pieces are no faster. */
const CHUNK_BYTES = 1024 * 1024;
const PIPELINE = 4;
const KNOWN_DEADLINE_MS = 10_000;

/**
 * Puts an image into a containerd so that CRI has it under its full name, without a registry: content, image records and
 * unpacked layers, all under a lease so that garbage collection keeps off until they refer to each other. What is there
 * already is not sent again. A name that meant another image moves to this one. Resolves when CRI's ImageStatus finds it.
 */
export async function importImage(
  target: ImportTarget,
  source: ImageSource,
  image: ImageSource["images"][number],
  options: { pinned?: boolean; signal?: AbortSignal } = {},
): Promise<ImportedImage> {
  const { channel } = target;
  const manifestDescriptor = await resolveManifest(source, image.manifest);
  const manifest = await readJson<Manifest>(source, manifestDescriptor.digest);
  const config = await readJson<ImageConfig>(source, manifest.config.digest);
  const reference = parseImageReference(image.name);
  const name = formatImageReference(reference);
  const lease = `knarr-import-${target.random.uuid()}`;
  const call: CallOptions = {
    metadata: { ...NAMESPACE, "containerd-lease": lease },
    ...(options.signal ? { signal: options.signal } : {}),
  };

  await channel.unary(
    containerd.createLease,
    { id: lease, labels: { "containerd.io/gc.expire": new Date(target.clock.now() + LEASE_MS).toISOString() } },
    { metadata: NAMESPACE },
  );
  try {
    for (const layer of manifest.layers) await writeBlob(target, source, layer, {}, call);
    const chains = chainIds(config.rootfs.diff_ids);
    const snapshotter = await snapshotterOf(channel);
    await unpack(target, snapshotter, manifest, chains, call);
    const top = chains.at(-1);
    const snapshotLabel = top ? { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: top } : {};
    await writeBlob(target, source, manifest.config, snapshotLabel, call);
    const references = [manifest.config, ...manifest.layers].map(({ digest }, index): [string, string] => [
      index === 0 ? "containerd.io/gc.ref.content.config" : `containerd.io/gc.ref.content.l.${index - 1}`,
      digest,
    ]);
    await writeBlob(target, source, manifestDescriptor, Object.fromEntries(references), call);
    // CRI looks images up by id, by tag and by digest, each a record of its own.
    const labels = { ...MANAGED, ...(options.pinned ? PINNED : {}) };
    const byDigest = formatImageReference({
      domain: reference.domain,
      path: reference.path,
      digest: manifestDescriptor.digest,
    });
    const { mediaType, digest, size } = manifestDescriptor;
    for (const record of new Set([manifest.config.digest, byDigest, name])) {
      await putImage(channel, { name: record, labels, target: { mediaType, digest, size } }, call);
    }
    await untilKnown(target, name, manifest.config.digest, options.signal);
    return { name, digest, id: manifest.config.digest };
  } finally {
    // Not with the caller's signal: the lease has to go also where the import was given up.
    await channel.unary(containerd.deleteLease, { id: lease }, { metadata: NAMESPACE });
  }
}

/** The snapshotter that CRI makes containers with: its directory, which CRI tells, carries its name. */
async function snapshotterOf(channel: GrpcChannel): Promise<string> {
  const { imageFilesystems } = await channel.unary(cri.imageFsInfo, {});
  const path = imageFilesystems[0]?.fsId?.mountpoint ?? "";
  return /\.snapshotter\.v1\.([^/]+)\/?$/.exec(path)?.[1] ?? "overlayfs";
}

/** Resolves to undefined where the call ended with one of `codes`. */
async function unless<T>(codes: readonly GrpcCode[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof GrpcError && codes.includes(error.code)) return undefined;
    throw error;
  }
}

/** Stores a blob under its digest, which containerd checks. Labels are set also where it is there already. */
async function writeBlob(
  { channel }: ImportTarget,
  source: ImageSource,
  { digest, size }: Descriptor,
  labels: Record<string, string>,
  call: CallOptions,
): Promise<void> {
  const stream = channel.duplex(containerd.writeContent, call);
  const responses = stream.responses[Symbol.asyncIterator]();
  const send = async (message: Parameters<typeof stream.write>[0]) => {
    // Where the server has ended the call, the reason comes with the next response.
    await stream.write(message).catch(() => {});
    await answer();
  };
  const answer = async () => {
    const { done } = await responses.next();
    if (done) throw new Error(`containerd ended the writing of ${digest}`);
  };
  const whole = { ref: `knarr-${digest}`, total: size, expected: digest };
  try {
    // With the expected digest given, this fails at once where the content is there, and adds it to the lease.
    await send({ action: "STAT", ...whole });
    let offset = 0;
    let unanswered = 0;
    for await (const data of chunked(source.blob(digest))) {
      await stream.write({ action: "WRITE", ref: whole.ref, offset, data }).catch(() => {});
      offset += data.length;
      // The server hashes and stores one piece while the next is on its way.
      for (unanswered++; unanswered > PIPELINE; unanswered--) await answer();
    }
    for (; unanswered > 0; unanswered--) await answer();
    await send({ action: "COMMIT", ...whole, offset, labels });
    stream.end();
  } catch (error) {
    stream.cancel();
    if (!(error instanceof GrpcError && error.code === "already-exists")) throw error;
    const paths = Object.keys(labels).map((label) => `labels.${label}`);
    if (paths.length > 0) {
      await channel.unary(containerd.updateContent, { info: { digest, labels }, updateMask: { paths } }, call);
    }
  }
}

/** Joins and cuts pieces so that each but the last is of the size that suits a message. */
async function* chunked(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; ) {
      const part = piece.subarray(start, start + CHUNK_BYTES - bytes);
      held.push(part);
      bytes += part.length;
      start += part.length;
      if (bytes === CHUNK_BYTES) {
        yield Buffer.concat(held);
        held = [];
        bytes = 0;
      }
    }
  }
  if (bytes > 0) yield Buffer.concat(held);
}

/** The name of the snapshot that holds the first n layers, for each n (OCI image specification, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chains: string[] = [];
  for (const diffId of diffIds) {
    const below = chains.at(-1);
    chains.push(below === undefined ? diffId : sha256(`${below} ${diffId}`));
  }
  return chains;
}

/** Unpacks the layers that are not yet unpacked, so that the first container needn't wait for it. */
async function unpack(
  target: ImportTarget,
  snapshotter: string,
  manifest: Manifest,
  chains: readonly string[],
  call: CallOptions,
): Promise<void> {
  const { channel, random } = target;
  for (const [index, chain] of chains.entries()) {
    if (await unless(["not-found"], channel.unary(containerd.statSnapshot, { snapshotter, key: chain }, call)))
      continue;
    const key = `knarr-extract-${random.uuid()} ${chain}`;
    const labels = { "containerd.io/snapshot.ref": chain };
    const parent = index === 0 ? "" : chains[index - 1]!;
    const { mounts } = await channel.unary(containerd.prepareSnapshot, { snapshotter, key, parent, labels }, call);
    try {
      const { mediaType, digest, size } = manifest.layers[index]!;
      await channel.unary(containerd.applyDiff, { diff: { mediaType, digest, size }, mounts }, call);
      await channel.unary(containerd.commitSnapshot, { snapshotter, name: chain, key, labels }, call);
    } catch (error) {
      await unless(
        ["not-found"],
        channel.unary(containerd.removeSnapshot, { snapshotter, key }, { metadata: NAMESPACE }),
      );
      // Somebody else was unpacking the same layer and was first.
      if (!(error instanceof GrpcError && error.code === "already-exists")) throw error;
    }
  }
}

async function putImage(
  channel: GrpcChannel,
  image: { name: string; labels: Record<string, string>; target: { mediaType: string; digest: string; size: number } },
  call: CallOptions,
): Promise<void> {
  if (!(await unless(["already-exists"], channel.unary(containerd.createImage, { image }, call)))) {
    await channel.unary(containerd.updateImage, { image }, call);
  }
}

/** CRI hears of new image records by events and takes some milliseconds to have read them. */
async function untilKnown(target: ImportTarget, name: string, id: string, signal?: AbortSignal): Promise<void> {
  const limit = deadline(target.clock, KNOWN_DEADLINE_MS, signal);
  try {
    for (;;) {
      const { image } = await target.channel.unary(
        cri.imageStatus,
        { image: { image: name } },
        { signal: limit.signal },
      );
      if (image?.id === id) return;
      await sleep(target.clock, 5, limit.signal);
    }
  } finally {
    limit.dispose();
  }
}
