import { Writable } from "node:stream";
import { type LayerEntry, writeLayer } from "./layer.ts";
import { type ImageConfig, type ImageSource, jsonBlob, type Manifest, MEDIA } from "./oci.ts";

/** A small image of one layer, held in memory. */
export async function memoryImage(
  name: string,
  config: Omit<ImageConfig, "rootfs" | "os">,
  entries: readonly LayerEntry[],
): Promise<ImageSource> {
  const blobs = new Map<string, Buffer>();
  const chunks: Buffer[] = [];
  const layer = await writeLayer(
    entries,
    new Writable({
      write(chunk, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    }),
  );
  blobs.set(layer.descriptor.digest, Buffer.concat(chunks));
  const { manifest, documents } = describeImage(config, [layer]);
  for (const { descriptor, bytes } of documents) blobs.set(descriptor.digest, bytes);
  return {
    images: [{ name, manifest }],
    async *blob(digest) {
      const bytes = blobs.get(digest);
      if (!bytes) throw new Error(`no blob ${digest}`);
      yield bytes;
    },
    close: async () => {},
  };
}

/** The manifest and configuration of an image made of `layers`, lowest first, as blobs. */
export function describeImage(
  config: Omit<ImageConfig, "rootfs" | "os">,
  layers: readonly Awaited<ReturnType<typeof writeLayer>>[],
) {
  const complete: ImageConfig = {
    ...config,
    os: "linux",
    created: config.created ?? "1970-01-01T00:00:00Z",
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const configBlob = jsonBlob(MEDIA.config, complete);
  const content: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: configBlob.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  };
  const manifestBlob = jsonBlob(MEDIA.manifest, content);
  return { manifest: manifestBlob.descriptor, documents: [configBlob, manifestBlob] };
}
