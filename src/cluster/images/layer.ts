import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Descriptor, MEDIA } from "./oci.ts";

/** One entry of a layer. `path` is absolute in the image. */
export type LayerEntry = {
  readonly path: string;
  /** The permission bits, set-id and sticky bits included. */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
} & (
  | { readonly type: "directory" }
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "file"; readonly size: number; content(): AsyncIterable<Uint8Array> | Iterable<Uint8Array> }
);

/** A layer as the manifest and the configuration name it. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** The digest of the uncompressed tar. */
  readonly diffId: string;
}

/** A file with the given content. */
export function textFile(path: string, content: string | Uint8Array, mode = 0o644): LayerEntry {
  const bytes = Buffer.from(content);
  return { path, mode, type: "file", size: bytes.length, content: () => [bytes] };
}

/**
 * Writes a layer's tar to `output` and ends it. Equal entries give equal bytes: they are sorted, all times are the
 * epoch, and directories that the entries lie in are added where they are missing. Rejects where a file's content has
 * not the size that was announced.
 */
export async function writeLayer(
  entries: readonly LayerEntry[],
  output: Writable,
  options: { gzip?: boolean } = {},
): Promise<Layer> {
  const { pack } = await import("./tar.ts");
  const tar = pack();
  const diff = createHash("sha256");
  const blob = options.gzip ? createHash("sha256") : diff;
  let size = 0;
  const gzip = options.gzip ? createGzip({ level: 6 }) : undefined;

  const fill = async () => {
    for (const entry of complete(entries)) {
      const header = {
        name: entry.path.slice(1) + (entry.type === "directory" ? "/" : ""),
        mode: entry.mode,
        uid: entry.uid ?? 0,
        gid: entry.gid ?? 0,
        mtime: new Date(0),
      };
      if (entry.type === "directory") tar.entry({ ...header, type: "directory" });
      else if (entry.type === "symlink") tar.entry({ ...header, type: "symlink", linkname: entry.target });
      else {
        // A stream of the streamx library, which works as one of Node does.
        const sink = tar.entry({ ...header, type: "file", size: entry.size }) as unknown as Writable;
        const done = new Promise<void>((resolve, reject) => {
          sink.once("error", reject);
          sink.once("finish", resolve);
        });
        done.catch(() => {});
        let written = 0;
        for await (const chunk of entry.content()) {
          written += chunk.length;
          if (written > entry.size) break;
          if (!sink.write(chunk)) await Promise.race([once(sink, "drain"), done]);
        }
        if (written !== entry.size) throw new Error(`${entry.path} changed its size while it was read`);
        sink.end();
        await done;
      }
    }
    tar.finalize();
  };
  const store = async (chunk: Uint8Array) => {
    size += chunk.length;
    if (gzip) blob.update(chunk);
    if (!output.write(chunk)) await once(output, "drain");
  };
  const drain = async () => {
    const compressed = gzip
      ? (async () => {
          for await (const chunk of gzip as AsyncIterable<Buffer>) await store(chunk);
        })()
      : undefined;
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      diff.update(chunk);
      if (!gzip) await store(chunk);
      else if (!gzip.write(chunk)) await once(gzip, "drain");
    }
    gzip?.end();
    await compressed;
    output.end();
    await finished(output);
  };
  const abandon = (error: Error) => {
    tar.destroy(error);
    throw error;
  };
  await Promise.all([fill().catch(abandon), drain().catch(abandon)]);
  const diffId = `sha256:${diff.digest("hex")}`;
  return {
    diffId,
    descriptor: {
      mediaType: gzip ? MEDIA.layerGzip : MEDIA.layer,
      digest: gzip ? `sha256:${blob.digest("hex")}` : diffId,
      size,
    },
  };
}

/** The entries in order, each once (the last of a path wins), with the directories that lead to them. */
function complete(entries: readonly LayerEntry[]): LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    for (let slash = entry.path.indexOf("/", 1); slash > 0; slash = entry.path.indexOf("/", slash + 1)) {
      const path = entry.path.slice(0, slash);
      if (!byPath.has(path)) byPath.set(path, { path, mode: 0o755, type: "directory" });
    }
    byPath.set(entry.path, entry);
  }
  // By code units, which no locale changes; a directory comes before what is in it.
  return [...byPath.values()].filter(({ path }) => path !== "/").sort((a, b) => (a.path < b.path ? -1 : 1));
}
