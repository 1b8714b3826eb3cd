import { sqliteFailure } from "../../base/sqlite.ts";
import { StoreUnavailableError } from "../store.ts";
import { ForeignFileError } from "./revision-log.ts";

/** Says what keeps the file `path` from being used; errors that are not about the file are returned as they are. */
export function explain(error: unknown, path: string): unknown {
  const because = (reason: string) => new StoreUnavailableError(`the store ${path} ${reason}`, { cause: error });
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof ForeignFileError) return because(`cannot be used: ${detail}`);
  switch (sqliteFailure(error)) {
    case undefined:
      return isNoSpace(error) ? because("takes no writes: the disk is full") : error;
    case "full":
      return because("takes no writes: the disk is full");
    case "read-only":
      return because("takes no writes: the file or its disk is read-only");
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

const isNoSpace = (error: unknown) =>
  ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException | null)?.code ?? "");
