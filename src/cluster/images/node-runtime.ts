import { dirname, join } from "node:path";
import { type Files, isNotFound } from "../../base/files.ts";
import type { Random } from "../../base/random.ts";
import { strippedElf } from "./elf.ts";
import { type Layer, type LayerEntry, textFile, writeLayer } from "./layer.ts";
import { sha256 } from "./oci.ts";
import { linkedProgram } from "./shared-libraries.ts";

/** Where Node is in the images built here. */
export const NODE_PATH = "/usr/local/bin/node";

/** Changes whenever the same inputs would give another layer. */
const FORMAT = 1;
const CERTIFICATES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/** A layer in a file of its own. */
export interface StoredLayer extends Layer {
  readonly path: string;
}

/**
 * The lowest layer of the images built here: a Node runtime, the libraries it needs, and the few files that programs
 * expect of a system. All images share it: it is made once per version of its inputs and kept in `cacheDir`.
 */
export async function nodeRuntimeLayer(
  { files, random }: { files: Files; random: Random },
  options: { cacheDir: string; node: string },
): Promise<StoredLayer> {
  const node = await files.realpath(options.node);
  const { program, interpreter, libraries } = await linkedProgram(files, node);
  const certificates = await firstPresent(files, CERTIFICATES);
  const inputs = [node, ...[...libraries.values()].map(({ path }) => path), interpreter, certificates].filter(
    (path) => path !== undefined,
  );
  const identities = await Promise.all(
    inputs.map(async (path) => {
      const { size, mtimeMs } = await files.stat(path);
      return [path, size, mtimeMs];
    }),
  );
  const key = sha256(JSON.stringify([FORMAT, identities])).slice("sha256:".length, "sha256:".length + 16);
  const path = join(options.cacheDir, `node-${key}.tar`);
  const known = await readDescription(files, `${path}.json`);
  if (known && (await files.exists(path)) && (await files.stat(path)).size === known.descriptor.size) {
    return { ...known, path };
  }

  const entries: LayerEntry[] = [
    elfEntry(files, NODE_PATH, node, program.loadedBytes),
    ...systemFiles(),
    ...(certificates ? [await copied(files, "/etc/ssl/certs/ca-certificates.crt", certificates)] : []),
  ];
  if (interpreter) {
    const loader = await files.realpath(interpreter);
    entries.push({ ...(await copied(files, interpreter, loader)), mode: 0o755 });
    // All beside the C library: the loader searches there without being told.
    const libraryDir = dirname((libraries.get("libc.so.6") ?? { path: interpreter }).path);
    for (const [name, { path: library, elf }] of libraries) {
      entries.push(elfEntry(files, join(libraryDir, name), library, elf.loadedBytes));
    }
  }
  await files.mkdir(options.cacheDir, { recursive: true });
  const temporary = `${path}.${random.uuid()}`;
  try {
    const layer = await writeLayer(entries, files.createWriteStream(temporary));
    await files.rename(temporary, path);
    await files.writeAtomic(`${path}.json`, JSON.stringify(layer), { mode: 0o644 });
    return { ...layer, path };
  } catch (error) {
    await files.rm(temporary, { force: true });
    throw error;
  }
}

const elfEntry = (files: Files, path: string, source: string, loadedBytes: number): LayerEntry => ({
  path,
  mode: 0o755,
  type: "file",
  size: loadedBytes,
  content: () => strippedElf(files, source, loadedBytes),
});

async function copied(files: Files, path: string, source: string): Promise<LayerEntry> {
  return textFile(path, await files.readFile(source));
}

/** Users, the order in which names are looked up, and the directories that programs expect. */
function systemFiles(): LayerEntry[] {
  const directory = (path: string, mode: number): LayerEntry => ({ path, mode, type: "directory" });
  return [
    directory("/root", 0o700),
    directory("/tmp", 0o1777),
    directory("/var/tmp", 0o1777),
    textFile(
      "/etc/passwd",
      "root:x:0:0:root:/root:/sbin/nologin\nnode:x:1000:1000:node:/tmp:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
    ),
    textFile("/etc/group", "root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n"),
    textFile("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
  ];
}

async function firstPresent(files: Files, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await files.exists(path)) return path;
  return undefined;
}

async function readDescription(files: Files, path: string): Promise<Layer | undefined> {
  try {
    return JSON.parse(await files.readFile(path, "utf8"));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
