import { type Files, isNotFound } from "../../base/files.ts";
import { StoreUnavailableError } from "../store.ts";

/**
 * Says which process holds a store. The lock itself is SQLite's, on the store's file, and goes away with the process;
 * this note beside it only serves the message that a second process gets, and may be left over from a killed one.
 */
export function lockFile(files: Pick<Files, "writeFile" | "readFile" | "rm">, path: string) {
  return {
    /** Names this process. A full disk is no reason not to serve, so it does without then. */
    async write(): Promise<void> {
      try {
        await files.writeFile(path, `${process.pid}\n`, { mode: 0o600 });
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
      }
    },
    async remove(): Promise<void> {
      await files.rm(path, { force: true });
    },
    /** The error for one who found `store` locked. */
    async inUse(store: string, cause: unknown): Promise<StoreUnavailableError> {
      let holder = "another process";
      try {
        const pid = Number.parseInt(await files.readFile(path, "utf8"), 10);
        if (pid > 0) holder = `process ${pid}`;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return new StoreUnavailableError(`the store ${store} is in use by ${holder}`, { cause });
    },
  };
}
