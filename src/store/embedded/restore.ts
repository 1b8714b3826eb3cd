import { openDatabase } from "../../base/sqlite.ts";
import type { Entry } from "../store.ts";
import { prepareFile } from "./schema.ts";

/**
 * How far a restored store leaps ahead of its snapshot, so that no revision is given out again that was given out after the
 * snapshot was taken; as etcd's documentation advises (`--bump-revision`).
 */
export const REVISION_LEAP = 1_000_000_000;

/** Fills a new file with the entries of a snapshot, which keep their revisions. */
export interface Restoration {
  add(entry: Entry): void;
  /** Makes it last. Watches and reads from before the snapshot's end find that history gone. Returns the store's revision. */
  finish(snapshotRevision: number): number;
  /** Closes the file as it is; what was not finished is no store. */
  close(): void;
}

export function restoreInto(path: string): Restoration {
  const db = openDatabase(path);
  prepareFile(db);
  const log = db.prepare("INSERT INTO log (revision, key, created, previous, value) VALUES (?, ?, ?, 0, ?)");
  const live = db.prepare("INSERT INTO live (key, revision, created) VALUES (?, ?, ?)");
  db.exec("BEGIN IMMEDIATE");
  return {
    add({ key, value, createRevision, modRevision }) {
      log.run(modRevision, key, createRevision, value);
      live.run(key, modRevision, createRevision);
    },
    finish(snapshotRevision) {
      const revision = snapshotRevision + REVISION_LEAP;
      db.prepare("UPDATE compaction SET compacted = ?, swept = ?").run(revision, revision);
      db.exec("COMMIT");
      return revision;
    },
    close() {
      if (db.isTransaction) db.exec("ROLLBACK");
      db.close();
    },
  };
}
