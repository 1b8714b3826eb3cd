import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Files } from "../../base/files.ts";
import type { Random } from "../../base/random.ts";
import {
  type Descriptor,
  type ImageSource,
  type Index,
  jsonBlob,
  type Manifest,
  MEDIA,
  readJson,
  resolveManifest,
} from "./oci.ts";

/** The images in an archive: an OCI image layout, or what `docker save` writes; compressed by gzip or zstd, or not. */
export interface OpenArchiveOptions {
  files: Files;
  random: Random;
  /** Names the only image of the archive, whatever it is called there. */
  reference?: string;
}

/** A tar entry's content follows its header. */
const HEADER_BYTES = 512;

interface Member {
  offset: number;
  size: number;
}

/** A docker-save archive's list of images. */
type DockerManifest = { Config: string; RepoTags: string[] | null; Layers: string[] }[];

/** Opens an archive; its blobs are read from it when they are asked for. Rejects where it is none, or names no image. */
export async function openArchive(path: string, options: OpenArchiveOptions): Promise<ImageSource> {
  const { files, random } = options;
  const plain = await uncompressed(files, path, random);
  const file = await files.open(plain.path);
  const close = async () => {
    await file.close();
    if (plain.temporary) await files.rm(plain.path, { force: true });
  };
  try {
    const members = await listMembers(files, plain.path);
    const read = (member: Member) => readRange(file, member);
    const source = members.has("index.json")
      ? await layoutSource(members, read, options.reference)
      : await dockerSource(members, read, options.reference);
    if (!source) throw new Error("it is neither an OCI image layout nor made by docker save");
    if (source.images.length === 0) throw new Error("it names no image; say which name it is to have");
    return { ...source, close };
  } catch (error) {
    await close();
    throw new Error(`${path} holds no images: ${(error as Error).message}`, { cause: error });
  }
}

/** Writes the images of a source as an OCI image layout (image-spec, "OCI Image Layout") to a tar file. */
export async function writeArchive(source: ImageSource, path: string, { files }: { files: Files }): Promise<void> {
  const { pack } = await import("./tar.ts");
  const tar = pack();
  const epoch = { mtime: new Date(0), mode: 0o644 };
  const written = new Set<string>();
  const add = async (descriptor: Descriptor) => {
    if (written.has(descriptor.digest)) return;
    written.add(descriptor.digest);
    const name = `blobs/${descriptor.digest.replace(":", "/")}`;
    const sink = tar.entry({ ...epoch, name, size: descriptor.size });
    await pipeline(source.blob(descriptor.digest), sink as unknown as NodeJS.WritableStream);
  };
  const fill = async () => {
    const manifests: Descriptor[] = [];
    tar.entry({ ...epoch, name: "oci-layout" }, '{"imageLayoutVersion":"1.0.0"}');
    for (const image of source.images) {
      const manifest = await resolveManifest(source, image.manifest);
      const { config, layers } = await readJson<Manifest>(source, manifest.digest);
      for (const blob of [manifest, config, ...layers]) await add(blob);
      const annotations = {
        "io.containerd.image.name": image.name,
        "org.opencontainers.image.ref.name": image.name.replace(/^.*[:@]/, ""),
      };
      manifests.push({ ...manifest, annotations });
    }
    const index: Index = { schemaVersion: 2, mediaType: MEDIA.index, manifests };
    tar.entry({ ...epoch, name: "index.json" }, JSON.stringify(index));
    tar.finalize();
  };
  const abandon = (error: Error) => {
    tar.destroy(error);
    throw error;
  };
  const drain = pipeline(tar as unknown as NodeJS.ReadableStream, files.createWriteStream(path));
  await Promise.all([fill().catch(abandon), drain]);
}

/** An archive without compression: itself, or a copy beside it. */
async function uncompressed(files: Files, path: string, random: Random): Promise<{ path: string; temporary: boolean }> {
  const file = await files.open(path);
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0).finally(() => file.close());
  const magic = buffer.readUInt32BE(0);
  const decompress =
    magic >>> 16 === 0x1f8b ? createGunzip() : magic === 0x28b52ffd ? createZstdDecompress() : undefined;
  if (!decompress) return { path, temporary: false };
  const temporary = `${path}.${random.uuid()}`;
  try {
    await pipeline(files.createReadStream(path), decompress, files.createWriteStream(temporary));
    return { path: temporary, temporary: true };
  } catch (error) {
    await files.rm(temporary, { force: true });
    throw error;
  }
}

/** Where the content of each file of a tar is; links lead to what they name. */
async function listMembers(files: Files, path: string): Promise<Map<string, Member>> {
  const { extract } = await import("./tar.ts");
  const parser = extract();
  const members = new Map<string, Member>();
  const links: [string, string][] = [];
  const reading = pipeline(
    files.createReadStream(path, { highWaterMark: 1 << 20 }),
    parser as unknown as NodeJS.WritableStream,
  );
  reading.catch(() => {});
  for await (const entry of parser) {
    const { name, type, size, linkname } = entry.header;
    const clean = posix.normalize(name);
    if (type === "file") members.set(clean, { offset: entry.offset + HEADER_BYTES, size });
    else if (type === "symlink") links.push([clean, posix.join(posix.dirname(clean), linkname)]);
    else if (type === "link") links.push([clean, posix.normalize(linkname)]);
    entry.resume();
  }
  await reading;
  for (const [name, target] of links) {
    const member = members.get(target);
    if (member) members.set(name, member);
  }
  return members;
}

async function* readRange(file: FileHandle, { offset, size }: Member): AsyncIterable<Buffer> {
  for (let at = 0; at < size; ) {
    const length = Math.min(1 << 20, size - at);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset + at);
    if (bytesRead === 0) throw new Error("the archive ends too early");
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function parsed<T>(content: AsyncIterable<Buffer>): Promise<T> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

type Read = (member: Member) => AsyncIterable<Buffer>;

async function layoutSource(members: Map<string, Member>, read: Read, reference?: string): Promise<ImageSource> {
  const index = await parsed<Index>(read(members.get("index.json")!));
  const docker = members.get("manifest.json");
  const tags = docker ? (await parsed<DockerManifest>(read(docker))).map(({ RepoTags }) => RepoTags ?? []) : [];
  const only = index.manifests.length === 1;
  if (reference && !only)
    throw new Error(`it has ${index.manifests.length} images, which can't all be named ${reference}`);
  const images = index.manifests.flatMap((manifest) => {
    const full = manifest.annotations?.["io.containerd.image.name"];
    const short = manifest.annotations?.["org.opencontainers.image.ref.name"];
    // A bare tag is no name; where docker wrote the archive, it has the names of a lone image in a file of its own.
    const found = full ?? (short && /[/:]/.test(short) ? short : undefined);
    const names = reference ? [reference] : found ? [found] : only ? (tags[0] ?? []) : [];
    return names.map((name) => ({ name, manifest }));
  });
  return {
    images,
    blob(digest) {
      const member = members.get(`blobs/${digest.replace(":", "/")}`);
      if (!member) throw new Error(`the archive lacks the blob ${digest}`);
      return read(member);
    },
    close: async () => {},
  };
}

async function dockerSource(
  members: Map<string, Member>,
  read: Read,
  reference?: string,
): Promise<ImageSource | undefined> {
  const list = members.get("manifest.json");
  if (!list) return undefined;
  const listed = await parsed<DockerManifest>(read(list));
  if (reference && listed.length !== 1)
    throw new Error(`it has ${listed.length} images, which can't all be named ${reference}`);
  const blobs = new Map<string, Member>();
  const documents = new Map<string, Buffer>();
  const images: { name: string; manifest: Descriptor }[] = [];
  const describe = async (name: string, isConfig: boolean): Promise<Descriptor> => {
    const member = members.get(posix.normalize(name));
    if (!member) throw new Error(`the archive lacks ${name}`);
    const hash = createHash("sha256");
    let start: Buffer | undefined;
    for await (const chunk of read(member)) {
      start ??= chunk;
      hash.update(chunk);
    }
    const digest = `sha256:${hash.digest("hex")}`;
    blobs.set(digest, member);
    const gzip = start?.[0] === 0x1f && start[1] === 0x8b;
    return { mediaType: isConfig ? MEDIA.config : gzip ? MEDIA.layerGzip : MEDIA.layer, digest, size: member.size };
  };
  for (const { Config, RepoTags, Layers } of listed) {
    const config = await describe(Config, true);
    const layers: Descriptor[] = [];
    for (const layer of Layers) layers.push(await describe(layer, false));
    const content: Manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, config, layers };
    const { descriptor, bytes } = jsonBlob(MEDIA.manifest, content);
    documents.set(descriptor.digest, bytes);
    for (const name of reference ? [reference] : (RepoTags ?? [])) images.push({ name, manifest: descriptor });
  }
  return {
    images,
    async *blob(digest) {
      const bytes = documents.get(digest);
      const member = blobs.get(digest);
      if (bytes) yield bytes;
      else if (member) yield* read(member);
      else throw new Error(`the archive lacks the blob ${digest}`);
    },
    close: async () => {},
  };
}
