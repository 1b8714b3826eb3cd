import type { Files } from "../../base/files.ts";
import { sqliteFailure } from "../../base/sqlite.ts";
import { StoreUnavailableError } from "../store.ts";
import { ForeignFileError } from "./schema.ts";

/** Says what keeps the file `path` from being used; errors that are not about the file are returned as they are. */
export async function explain(error: unknown, path: string, files: Pick<Files, "access">): Promise<unknown> {
  const because = (reason: string) => new StoreUnavailableError(`the store ${path} ${reason}`, { cause: error });
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof ForeignFileError) return because(`cannot be used: ${detail}`);
  const failure = sqliteFailure(error);
  if (!failure) return error;
  // SQLite tells a disk that was mounted read-only, or became so after a fault, as any of these.
  if (["read-only", "io", "cannot-open"].includes(failure) && (await isReadOnly(path, files))) {
    return because("takes no writes: the file or its disk is read-only");
  }
  switch (failure) {
    case "full":
      return because("takes no writes: the disk is full");
    case "read-only":
      return because("takes no writes: the file is read-only");
    case "damaged":
      return because(`is damaged: ${detail}`);
    case "foreign":
      return because("cannot be used: the file is damaged or is not a database");
    case "locked":
      return because("is in use by another process");
    case "cannot-open":
      return because("cannot be opened: check that its directory exists and can be written to");
    case "io":
      return because(`cannot be read or written: ${detail}`);
    case "other":
      return because(`failed: ${detail}`);
  }
}

/** The W_OK of access(2). */
const WRITABLE = 2;

async function isReadOnly(path: string, files: Pick<Files, "access">): Promise<boolean> {
  try {
    await files.access(path, WRITABLE);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS";
  }
}
