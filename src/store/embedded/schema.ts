import type { Database } from "../../base/sqlite.ts";

/** "Knar", so that a foreign database is recognised. */
const APPLICATION_ID = 0x4b6e6172;
const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL, previous INTEGER NOT NULL, value BLOB
  ) STRICT;
  CREATE TABLE live (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE compaction (compacted INTEGER NOT NULL, swept INTEGER NOT NULL) STRICT;
  INSERT INTO compaction VALUES (1, 1);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Thrown where the file is an SQLite database, but not one that this version can use. */
export class ForeignFileError extends Error {}

/** Makes `db` ours: locked, durable, and with the tables of `revision-log.ts`. */
export function prepareFile(db: Database): void {
  // The lock on the file is held from here to the end of the process, however that comes. It also spares SQLite the
  // shared-memory file, so an existing store can be opened when the disk is full.
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = FULL");
  db.exec("PRAGMA journal_size_limit = 16777216");
  db.exec("BEGIN IMMEDIATE");
  try {
    const application = pragma(db, "application_id");
    const version = pragma(db, "user_version");
    const empty = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()!.n === 0;
    if (application === 0 && version === 0 && empty) db.exec(SCHEMA);
    else if (application !== APPLICATION_ID) throw new ForeignFileError("it is a database of another program");
    else if (version !== SCHEMA_VERSION) {
      throw new ForeignFileError(`it has format ${version}; this version of Knarr knows format ${SCHEMA_VERSION}`);
    }
    db.exec("COMMIT");
  } finally {
    if (db.isTransaction) db.exec("ROLLBACK");
  }
}

const pragma = (db: Database, name: string) => db.prepare(`PRAGMA ${name}`).get()![name] as number;
