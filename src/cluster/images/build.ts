import { join, resolve } from "node:path";
import { formatImageReference, parseImageReference } from "../../api/image-reference.ts";
import { type Files, isNotFound } from "../../base/files.ts";
import type { Random } from "../../base/random.ts";
import { directoryEntries } from "./directory-entries.ts";
import { ignoreFile } from "./ignore-file.ts";
import { type Layer, writeLayer } from "./layer.ts";
import { describeImage } from "./memory-image.ts";
import { NODE_PATH, nodeRuntimeLayer } from "./node-runtime.ts";
import { architecture, type ImageConfig, type ImageSource } from "./oci.ts";
import { type PackageManifest, packageEntrypoint } from "./package-entrypoint.ts";

/** What an image runs, where that is to be other than found; the lists replace what was found. */
export interface RunOptions {
  entrypoint?: readonly string[];
  cmd?: readonly string[];
  /** `NAME=value`, added to PATH. */
  env?: readonly string[];
  workingDir?: string;
  /** A name or number, with `:group` if wanted. */
  user?: string;
  /** `8080` or `53/udp`. */
  ports?: readonly string[];
  labels?: Readonly<Record<string, string>>;
}

export interface BuildOptions extends RunOptions {
  files: Files;
  random: Random;
  /** The name of the image; completed as Docker does. */
  reference: string;
  /** Where the layer that all images share is kept, and others while they are in use. */
  cacheDir: string;
  gzip?: boolean;
  /** The Node program to put into the image; default: the one that runs this. */
  node?: string;
}

/** An image that was built; `close` deletes its own files (not the shared layer). */
export interface BuiltImage extends ImageSource {
  /** The full name. */
  readonly name: string;
  /** Of the manifest. Equal input gives an equal digest. */
  readonly digest: string;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Builds an image of a Node program: the directory under /app (without .git and what .dockerignore names) on a layer
 * with a Node runtime and its libraries. The entry point comes from package.json unless it is given. Rejects with what
 * is wrong where the directory can't be made an image of.
 */
export async function buildImage(directory: string, options: BuildOptions): Promise<BuiltImage> {
  const { files } = options;
  const root = resolve(directory);
  const ignored = ignoreFile((await optional(files, join(root, ".dockerignore"))) ?? "");
  const entries = await directoryEntries(files, root, {
    prefix: "/app",
    exclude: (path) => path === ".git" || path.startsWith(".git/") || ignored(path),
    ownership: "normalise",
  });
  let command = { entrypoint: options.entrypoint, cmd: options.cmd };
  if (!command.entrypoint) {
    const paths = new Set(entries.map(({ path }) => path.slice("/app/".length)));
    const found = packageEntrypoint(await readManifest(files, root), (path) => paths.has(path));
    if ("problem" in found) throw new Error(`${directory}: ${found.problem}`);
    command = { entrypoint: [NODE_PATH, ...found.args], cmd: options.cmd };
  }
  const node = options.node ?? process.execPath;
  const runtime = await nodeRuntimeLayer(options, { cacheDir: options.cacheDir, node });
  return assemble(options, [runtime], entries, { workingDir: "/app", ...defined(options), ...defined(command) });
}

/** Builds an image of any root file system: the directory as it is, owners and permissions kept. */
export async function buildRootfsImage(directory: string, options: BuildOptions): Promise<BuiltImage> {
  const entries = await directoryEntries(options.files, resolve(directory), { prefix: "", ownership: "keep" });
  if (entries.length === 0) throw new Error(`${directory} is empty`);
  return assemble(options, [], entries, options);
}

async function assemble(
  options: BuildOptions,
  below: readonly (Layer & { path: string })[],
  entries: Awaited<ReturnType<typeof directoryEntries>>,
  run: RunOptions,
): Promise<BuiltImage> {
  const { files, random, cacheDir } = options;
  const name = formatImageReference(parseImageReference(options.reference));
  await files.mkdir(cacheDir, { recursive: true });
  const path = join(cacheDir, `build-${random.uuid()}.tar`);
  try {
    const top = await writeLayer(entries, files.createWriteStream(path), { gzip: options.gzip ?? false });
    const layers = [...below, { ...top, path }];
    const { manifest, documents } = describeImage({ architecture: architecture(), config: runConfig(run) }, layers);
    const paths = new Map(layers.map(({ descriptor, path }) => [descriptor.digest, path]));
    const inMemory = new Map(documents.map(({ descriptor, bytes }) => [descriptor.digest, bytes]));
    return {
      name,
      digest: manifest.digest,
      images: [{ name, manifest }],
      async *blob(digest) {
        const bytes = inMemory.get(digest);
        const file = paths.get(digest);
        if (bytes) yield bytes;
        else if (file) yield* files.createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
        else throw new Error(`no blob ${digest}`);
      },
      close: () => files.rm(path, { force: true }),
    };
  } catch (error) {
    await files.rm(path, { force: true });
    throw error;
  }
}

function runConfig(run: RunOptions): ImageConfig["config"] {
  const ports = (run.ports ?? []).map((port) => [port.includes("/") ? port : `${port}/tcp`, {}]);
  for (const variable of run.env ?? []) {
    if (!/^[^=]+=/.test(variable)) throw new Error(`${JSON.stringify(variable)} is not NAME=value`);
  }
  const hasPath = run.env?.some((variable) => variable.startsWith("PATH="));
  return {
    ...(run.user ? { User: run.user } : {}),
    Env: [...(hasPath ? [] : [PATH]), ...(run.env ?? [])],
    ...(run.entrypoint?.length ? { Entrypoint: run.entrypoint } : {}),
    ...(run.cmd?.length ? { Cmd: run.cmd } : {}),
    WorkingDir: run.workingDir ?? "/",
    ...(ports.length > 0 ? { ExposedPorts: Object.fromEntries(ports) } : {}),
    ...(run.labels ? { Labels: run.labels } : {}),
  };
}

async function readManifest(files: Files, directory: string): Promise<PackageManifest> {
  const text = await optional(files, join(directory, "package.json"));
  if (text === undefined) return {};
  try {
    const manifest: unknown = JSON.parse(text);
    return typeof manifest === "object" && manifest !== null ? manifest : {};
  } catch (error) {
    throw new Error(`${join(directory, "package.json")} is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

async function optional(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Without the fields that are undefined, so that they don't hide defaults. */
const defined = <T extends object>(value: T): Partial<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>;
