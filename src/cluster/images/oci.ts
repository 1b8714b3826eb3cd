import { createHash } from "node:crypto";

/** The formats of the OCI image specification 1.1, as far as they are used. */
export const MEDIA = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly manifests: readonly Descriptor[];
}

/** What a container made from the image runs, and on which file system. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly created?: string;
  readonly config: {
    readonly User?: string;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly WorkingDir?: string;
    readonly ExposedPorts?: Readonly<Record<string, object>>;
    readonly StopSignal?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
  /** The digests of the layers' uncompressed tars, lowest first. */
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
}

/** Images somewhere: just built, or in an archive. */
export interface ImageSource {
  readonly images: readonly { readonly name: string; readonly manifest: Descriptor }[];
  /** The content of a blob, in pieces. Rejects where the source doesn't have it. */
  blob(digest: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Go's names of the processor that we run on, which are the registries' too. */
export function architecture(): string {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386" };
  return names[process.arch] ?? process.arch;
}

export const sha256 = (content: Uint8Array | string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** A JSON document as a blob. The bytes depend on nothing but the content. */
export function jsonBlob(mediaType: string, content: unknown): { descriptor: Descriptor; bytes: Buffer } {
  const bytes = Buffer.from(JSON.stringify(content));
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}

/** Reads a blob that is a JSON document. */
export async function readJson<T>(source: ImageSource, digest: string): Promise<T> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.blob(digest)) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** The manifest that an index offers for this machine; of a manifest, itself. Rejects where there is none. */
export async function resolveManifest(source: ImageSource, target: Descriptor): Promise<Descriptor> {
  if (target.mediaType !== MEDIA.index && target.mediaType !== MEDIA.dockerList) return target;
  const { manifests } = await readJson<Index>(source, target.digest);
  const wanted = architecture();
  const found = manifests.find(
    ({ platform }) => !platform || (platform.os === "linux" && platform.architecture === wanted),
  );
  if (!found) {
    const offered = manifests.map(({ platform }) => `${platform?.os}/${platform?.architecture}`).join(", ");
    throw new Error(`the image is not for linux/${wanted}; it is for ${offered}`);
  }
  return resolveManifest(source, found);
}
