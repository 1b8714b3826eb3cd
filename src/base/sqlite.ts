import { DatabaseSync, type StatementSync } from "node:sqlite";

/** An SQLite database; its calls block, so long work belongs in a worker. Failures are recognised by `sqliteFailure`. */
export type Database = DatabaseSync;
export type Statement = StatementSync;

/** Opens or creates the file, without waiting for locks of others. */
export function openDatabase(path: string): Database {
  return new DatabaseSync(path, { timeout: 0 });
}

export type SqliteFailure = "full" | "read-only" | "damaged" | "foreign" | "locked" | "cannot-open" | "io" | "other";

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const FAILURES: Readonly<Record<number, SqliteFailure>> = {
  5: "locked",
  6: "locked",
  8: "read-only",
  10: "io",
  11: "damaged",
  13: "full",
  14: "cannot-open",
  26: "foreign",
};

/** What went wrong, where `error` came from SQLite; otherwise undefined. */
export function sqliteFailure(error: unknown): SqliteFailure | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (code !== "ERR_SQLITE_ERROR" || typeof errcode !== "number") return undefined;
  return FAILURES[errcode & 0xff] ?? "other";
}
