import * as fs from "node:fs";
import * as promises from "node:fs/promises";
import { dirname, join } from "node:path";

/** The parts of the file system that components use. Handed in, so that tests can run on a temporary root or on none. */
export interface Files
  extends Pick<
    typeof promises,
    | "access"
    | "appendFile"
    | "chmod"
    | "chown"
    | "copyFile"
    | "cp"
    | "lstat"
    | "mkdir"
    | "mkdtemp"
    | "open"
    | "readFile"
    | "readdir"
    | "readlink"
    | "realpath"
    | "rename"
    | "rm"
    | "rmdir"
    | "stat"
    | "statfs"
    | "symlink"
    | "truncate"
    | "unlink"
    | "utimes"
    | "writeFile"
  > {
  createReadStream: typeof fs.createReadStream;
  createWriteStream: typeof fs.createWriteStream;
  watch: typeof fs.watch;
  /** Whether `path` exists (a dangling symbolic link does not). */
  exists(path: string): Promise<boolean>;
  /** Replaces `path` in one step: a reader sees the old content or the new, also after a crash. Default mode 0600. */
  writeAtomic(path: string, content: string | Uint8Array, options?: { mode?: number }): Promise<void>;
}

let sequence = 0;

/** The machine's file system. */
export const systemFiles: Files = {
  ...promises,
  createReadStream: fs.createReadStream,
  createWriteStream: fs.createWriteStream,
  watch: fs.watch,
  exists: async (path) => {
    try {
      await promises.stat(path);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  },
  async writeAtomic(path, content, options = {}) {
    const temporary = join(dirname(path), `.${process.pid}-${sequence++}.tmp`);
    const handle = await promises.open(temporary, "w", options.mode ?? 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await promises.rename(temporary, path);
  },
};

/** Whether `error` says that a file or one of its parents is not there. */
export function isNotFound(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}
