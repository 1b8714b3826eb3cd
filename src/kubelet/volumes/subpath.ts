import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { type Files, isNotFound } from "../../base/files.ts";
import type { Mounter } from "./mounter.ts";

/** open(2): the path itself, without following a link or reading what it names. */
const O_PATH = 0o10000000;
const O_NOFOLLOW = 0o400000;

/**
 * Binds what `subPath` names within `volume` to `target` and returns `target`. What a container put into the volume
 * can't lead out of it: each part is opened below the one before, never through a link, and the bind is made from what
 * was opened, so that nothing can be swapped in between. A missing directory is made, with the volume's own mode.
 */
export async function bindSubPath(
  options: { files: Files; mounter: Mounter; pid: number },
  volume: string,
  subPath: string,
  target: string,
): Promise<string> {
  const { files, mounter } = options;
  if ((await mounter.list()).includes(target)) return target;
  const resolved = await resolveWithin(files, volume, subPath);
  const open = async (path: string) => files.open(path, O_PATH | O_NOFOLLOW);
  let handle: FileHandle = await open(volume);
  try {
    const mode = (await handle.stat()).mode & 0o7777;
    for (const part of resolved) {
      const below = `/proc/self/fd/${handle.fd}/${part}`;
      let next: FileHandle;
      let isNew = false;
      try {
        next = await open(below);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        await files.mkdir(below, { mode: 0o750 });
        isNew = true;
        next = await open(below);
      }
      await handle.close();
      handle = next;
      if ((await handle.stat()).isSymbolicLink()) {
        throw new Error(`subpath "${subPath}" was changed to a symbolic link while it was being opened`);
      }
      // Not at once: the process's umask would cut it, and mkdir(2) takes no set-group-ID bit.
      if (isNew) await files.chmod(`/proc/self/fd/${handle.fd}`, mode);
    }
    const directory = (await handle.stat()).isDirectory();
    await files.mkdir(join(target, ".."), { recursive: true, mode: 0o750 });
    if (directory) await files.mkdir(target, { recursive: true, mode: 0o750 });
    else await files.writeFile(target, "", { flag: "a", mode: 0o640 });
    await mounter.bind(`/proc/${options.pid}/fd/${handle.fd}`, target);
  } finally {
    await handle.close();
  }
  return target;
}

/** The parts of `subPath` after links within the volume were followed (`..data` is one). Throws where it leads outside. */
async function resolveWithin(files: Files, volume: string, subPath: string): Promise<string[]> {
  if (subPath.startsWith("/") || subPath.split("/").includes("..")) {
    throw new Error(`invalid subpath "${subPath}": must be relative, without ".."`);
  }
  const base = await files.realpath(volume);
  const full = join(base, subPath);
  // The longest part that exists is resolved; what is missing below it is made later.
  let existing = full;
  const missing: string[] = [];
  for (;;) {
    try {
      existing = await files.realpath(existing);
      break;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      missing.unshift(existing.slice(existing.lastIndexOf("/") + 1));
      existing = existing.slice(0, existing.lastIndexOf("/"));
    }
  }
  if (existing !== base && !existing.startsWith(`${base}/`)) {
    throw new Error(`subpath "${subPath}" not within volume path "${volume}"`);
  }
  return [...existing.slice(base.length).split("/"), ...missing].filter((part) => part !== "");
}
