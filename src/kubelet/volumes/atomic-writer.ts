import { dirname, join } from "node:path";
import { type Files, isNotFound } from "../../base/files.ts";
import { groupMode } from "./ownership.ts";

/** One file of a volume made from data. `uid` owns it; without one, root does. */
export interface PayloadFile {
  readonly data: Uint8Array;
  readonly mode: number;
  readonly uid?: number;
}
/** Files by their path within the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const DATA = "..data";
const DATA_NEW = "..data_tmp";

/**
 * Makes `directory` hold exactly `payload`, all of it changing at once for readers. The files live in a directory of
 * their own, named after the time; `..data` is a link to it that is swapped by a rename; each name at the top of the
 * volume is a link through `..data`:
 *
 *     ..2026_01_01_00_00_00.000000001/key    ..data → ..2026_…    key → ..data/key
 *
 * Returns whether anything had to be written.
 */
export async function writePayload(
  files: Files,
  directory: string,
  payload: Payload,
  options: { now: number; sequence: number; group?: number },
): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path);
  const old = await readLink(files, join(directory, DATA));
  if (old !== undefined && (await isSame(files, join(directory, old), payload, options.group))) return false;

  await files.mkdir(directory, { recursive: true, mode: 0o755 });
  const name = stamp(options.now, options.sequence);
  const fresh = join(directory, name);
  await files.mkdir(fresh, { mode: 0o755 });
  await files.chmod(fresh, 0o755);
  const parents = new Set<string>();
  for (const [path, file] of payload) {
    const target = join(fresh, path);
    if (dirname(path) !== "." && !parents.has(dirname(path))) {
      await files.mkdir(dirname(target), { recursive: true, mode: 0o755 });
      parents.add(dirname(path));
    }
    await files.writeFile(target, file.data);
    // After the write: the mode given to it would be cut by the process's umask.
    await files.chmod(target, modeOf(file, options.group));
    if (file.uid !== undefined || options.group !== undefined)
      await files.chown(target, file.uid ?? 0, options.group ?? 0);
  }
  if (options.group !== undefined) {
    for (const path of ["", ...parents]) {
      await files.chown(join(fresh, path), 0, options.group);
      await files.chmod(join(fresh, path), groupMode(0o755, true, true));
    }
  }
  await files.rm(join(directory, DATA_NEW), { force: true });
  await files.symlink(name, join(directory, DATA_NEW));
  await files.rename(join(directory, DATA_NEW), join(directory, DATA));

  const tops = new Set([...payload.keys()].map((path) => path.split("/")[0]!));
  for (const entry of await files.readdir(directory)) {
    if (entry === DATA || entry === name) continue;
    if (entry.startsWith("..")) await files.rm(join(directory, entry), { recursive: true, force: true });
    else if (tops.has(entry)) tops.delete(entry);
    else await files.rm(join(directory, entry), { recursive: true, force: true });
  }
  for (const top of tops) await files.symlink(join(DATA, top), join(directory, top));
  return true;
}

const modeOf = (file: PayloadFile, group: number | undefined) =>
  group === undefined ? file.mode : groupMode(file.mode, false, true);

function checkPath(path: string): void {
  const parts = path.split("/");
  if (path === "" || path.startsWith("/") || parts.includes("..") || parts[0]!.startsWith("..")) {
    throw new Error(`invalid path: must be relative, without "..": ${JSON.stringify(path)}`);
  }
}

/** `..2026_01_02_15_04_05.000000001`; the sequence keeps two writes in one millisecond apart. */
function stamp(now: number, sequence: number): string {
  const [date = "", time = ""] = new Date(now).toISOString().slice(0, 19).split("T");
  return `..${date.replaceAll("-", "_")}_${time.replaceAll(":", "_")}.${String(sequence % 1e9).padStart(9, "0")}`;
}

async function isSame(files: Files, directory: string, payload: Payload, group: number | undefined): Promise<boolean> {
  let present: string[];
  try {
    present = await files.readdir(directory, { recursive: true });
    for (const path of present) {
      const info = await files.lstat(join(directory, path));
      if (info.isDirectory()) continue;
      const file = payload.get(path);
      if (!file || (info.mode & 0o7777) !== modeOf(file, group) || info.uid !== (file.uid ?? 0)) return false;
      if (!Buffer.from(file.data).equals(await files.readFile(join(directory, path)))) return false;
    }
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
  return [...payload.keys()].every((path) => present.includes(path));
}

async function readLink(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readlink(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
