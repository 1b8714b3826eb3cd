import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { type Files, isNotFound } from "../../base/files.ts";

/** open(2): the path itself, without following a link or reading what it names. */
const O_PATH = 0o10000000;
const O_NOFOLLOW = 0o400000;

/**
 * Opens what `path` names within the directory `root` (with O_PATH: use it as `/proc/self/fd/<fd>`). What a container put
 * there can't lead out of it: links are followed only as far as they stay within, then each part is opened below the one
 * before, never through a link, so that nothing can be swapped in between. With `make`, missing directories are made,
 * with the root's own mode. Throws where the path leads outside, and the file system's error where it is not there.
 */
export async function openWithin(
  files: Files,
  root: string,
  path: string,
  options: { make: boolean },
): Promise<FileHandle> {
  const { base, parts } = await resolveWithin(files, root, path);
  const open = (one: string) => files.open(one, O_PATH | O_NOFOLLOW);
  let handle = await open(base);
  try {
    const mode = (await handle.stat()).mode & 0o7777;
    for (const part of parts) {
      const below = `/proc/self/fd/${handle.fd}/${part}`;
      let isNew = false;
      const next = await open(below).catch(async (error) => {
        if (!isNotFound(error) || !options.make) throw error;
        await files.mkdir(below, { mode: 0o750 });
        isNew = true;
        return open(below);
      });
      await handle.close();
      handle = next;
      if ((await handle.stat()).isSymbolicLink()) {
        throw new Error(`"${path}" was changed to a symbolic link while it was being opened`);
      }
      // Not at once: the process's umask would cut it, and mkdir(2) takes no set-group-ID bit.
      if (isNew) await files.chmod(`/proc/self/fd/${handle.fd}`, mode);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The parts of `path` after links within the root were followed (`..data` is one). Throws where it leads outside. */
async function resolveWithin(files: Files, root: string, path: string): Promise<{ base: string; parts: string[] }> {
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw new Error(`invalid subpath "${path}": must be relative, without ".."`);
  }
  const base = await files.realpath(root);
  // The longest part that exists is resolved; what is missing below it is left as it is.
  let existing = join(base, path);
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
  const inside = base === "/" ? existing : existing.slice(base.length);
  if (base !== "/" && existing !== base && !existing.startsWith(`${base}/`)) {
    throw new Error(`subpath "${path}" not within volume path "${root}"`);
  }
  return { base, parts: [...inside.split("/"), ...missing].filter((part) => part !== "") };
}
