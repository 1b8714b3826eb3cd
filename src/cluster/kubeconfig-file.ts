import { dirname } from "node:path";
import { parseDocument, stringify } from "yaml";
import { type Files, isNotFound } from "../base/files.ts";

/** How to reach a cluster as one user, to be written into a kubeconfig. Certificates and keys are PEM. */
export interface KubeconfigEntry {
  /** The name of the cluster, the user and the context. */
  readonly name: string;
  readonly server: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

type Named = { name: string };
const base64 = (pem: string) => Buffer.from(pem).toString("base64");

/** A kubeconfig that holds nothing but `entry`. */
export function kubeconfig(entry: KubeconfigEntry): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [clusterOf(entry)],
    users: [userOf(entry)],
    contexts: [contextOf(entry)],
    "current-context": entry.name,
    preferences: {},
  });
}

/**
 * Adds `entry` to the kubeconfig at `path` and makes it current, as kind does; other entries, comments and their order
 * stay. Takes kubectl's own lock (`path.lock`) meanwhile. Throws where the file is not a kubeconfig.
 */
export async function mergeKubeconfig(files: Files, path: string, entry: KubeconfigEntry): Promise<void> {
  await locked(files, path, async () => {
    const text = await read(files, path);
    if (text.trim() === "") return files.writeAtomic(path, kubeconfig(entry));
    const document = parseDocument(text);
    const current = document.errors[0] ? undefined : document.toJS();
    if (current === null || typeof current !== "object" || Array.isArray(current)) {
      throw new Error(`${path} is not a kubeconfig; move it away, or name another file with --kubeconfig`);
    }
    for (const [section, item] of [
      ["clusters", clusterOf(entry)],
      ["users", userOf(entry)],
      ["contexts", contextOf(entry)],
    ] as const) {
      const others = ((current[section] ?? []) as Named[]).filter((other) => other.name !== entry.name);
      document.set(section, document.createNode([...others, item]));
    }
    document.set("current-context", entry.name);
    await files.writeAtomic(path, document.toString());
  });
}

/** Takes the entry of that name out again; where it was current, no context is current afterwards. */
export async function removeFromKubeconfig(files: Files, path: string, name: string): Promise<void> {
  if (!(await files.exists(path))) return;
  await locked(files, path, async () => {
    const document = parseDocument(await read(files, path));
    if (document.errors[0]) return;
    const current = document.toJS() ?? {};
    for (const section of ["clusters", "users", "contexts"]) {
      const items = (current[section] ?? []) as Named[];
      if (items.some((item) => item.name === name)) {
        document.set(section, document.createNode(items.filter((item) => item.name !== name)));
      }
    }
    if (current["current-context"] === name) document.set("current-context", "");
    await files.writeAtomic(path, document.toString());
  });
}

const clusterOf = (entry: KubeconfigEntry) => ({
  name: entry.name,
  cluster: { "certificate-authority-data": base64(entry.authority), server: entry.server },
});
const userOf = (entry: KubeconfigEntry) => ({
  name: entry.name,
  user: { "client-certificate-data": base64(entry.certificate), "client-key-data": base64(entry.key) },
});
const contextOf = (entry: KubeconfigEntry) => ({
  name: entry.name,
  context: { cluster: entry.name, user: entry.name },
});

async function read(files: Files, path: string): Promise<string> {
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    if (isNotFound(error)) return "";
    throw error;
  }
}

async function locked(files: Files, path: string, action: () => Promise<void>): Promise<void> {
  await files.mkdir(dirname(path), { recursive: true });
  const lock = `${path}.lock`;
  let handle: Awaited<ReturnType<Files["open"]>>;
  try {
    handle = await files.open(lock, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new Error(`${path} is locked by another program; where none runs, remove ${lock} and try again`);
  }
  try {
    await action();
  } finally {
    await handle.close();
    await files.rm(lock, { force: true });
  }
}
