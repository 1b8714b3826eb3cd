import { prefixEnd } from "../../base/sorted-map.ts";
import { type Database, openDatabase } from "../../base/sqlite.ts";
import { countPast, type Ordered, rewind, scanPast } from "../past.ts";
import { CompactedError, type Entry, FutureRevisionError, type StoreEvent } from "../store.ts";
import { prepareFile } from "./schema.ts";

/**
 * The store's file. Each write is one row of `log`, and the only place where its value is kept; `live` says for each
 * key that exists which row is its present. A row's `previous` is the row that it replaced (0 for a creation), so the
 * past can be had by undoing rows, without an index over versions.
 *
 *     log  revision key created previous value      live  key revision created
 *          2        /a  2       0        "one"            /a  4        2
 *          3        /b  3       0        "x"
 *          4        /a  2       2        "two"
 *          5        /b  3       3        NULL             (a deletion)
 *
 * Compacting to 5 drops row 2 (replaced by 4), row 3 (replaced by 5) and row 5 itself. `compacted` never goes back and
 * is at least as large as any dropped revision, so a revision is never given out twice.
 */
export interface RevisionLog {
  readonly revision: number;
  /**
   * Applies all swaps in one durable transaction: the results are final when it returns, and when it throws nothing
   * was written.
   */
  write(swaps: readonly Swap[], withPrevious: boolean): Outcome[];
  get(key: string, atRevision: number): Entry | undefined;
  count(prefix: string): number;
  /** A page of at most `limit` entries and about PAGE_BYTES. `count` is computed only where it is asked for. */
  list(query: ListQuery): { entries: Entry[]; revision: number; more: boolean; count: number };
  /** A page of the events after `after`; they are complete up to `through`. */
  history(query: HistoryQuery): { events: StoreEvent[]; through: number };
  /** Sets the revision below which no history can be read. The rows are dropped by `sweep`. */
  compact(revision: number): void;
  /** Drops a portion of what was compacted, in one transaction; false where nothing is left to drop. */
  sweep(): boolean;
  /** The size of the file with its journal left aside, and how much of it holds data. */
  size(): { bytes: number; bytesInUse: number };
  /** Writes the file anew without the space that nothing needs any more. Takes as much again on the disk for a while. */
  defragment(): void;
  close(): void;
}

export interface Swap {
  key: string;
  expected: number;
  value: Uint8Array | null;
}
export type Outcome =
  | { swapped: true; revision: number; created: number; previous?: Entry }
  /** There was nothing to delete. */
  | { swapped: true; revision: number; created: 0 }
  | { swapped: false; revision: number; current: Entry | undefined };

export interface ListQuery {
  prefix: string;
  from: string;
  atRevision: number;
  limit: number;
  counted: boolean;
}
export interface HistoryQuery {
  prefix: string;
  after: number;
  withPrevious: boolean;
}

/** Large enough to make a page's overhead small, small enough to keep writes waiting a few ms only. */
const PAGE_BYTES = 2 ** 21;
const PAGE_ROWS = 2000;
const SWEEP_REVISIONS = 1000;

/** The end of a range that has none: SQLite sorts every blob after every text. */
const AFTER_ALL_TEXT = new Uint8Array(1);

interface LogRow {
  revision: number;
  key: string;
  created: number;
  previous: number;
  value: Uint8Array | null;
}
interface LiveRow {
  key: string;
  revision: number;
  created: number;
}

export function openRevisionLog(path: string): RevisionLog {
  const db = openDatabase(path);
  try {
    prepareFile(db);
    return revisionLog(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function revisionLog(db: Database): RevisionLog {
  const select = {
    live: db.prepare("SELECT key, revision, created FROM live WHERE key = ?"),
    row: db.prepare("SELECT revision, key, created, previous, value FROM log WHERE revision = ?"),
    range: db.prepare("SELECT key, revision FROM live WHERE key >= ? AND key < ? ORDER BY key"),
    count: db.prepare("SELECT count(*) AS n FROM live WHERE key >= ? AND key < ?"),
    changes: db.prepare("SELECT key, previous FROM log WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision"),
    change: db.prepare("SELECT previous FROM log WHERE revision > ? AND key = ? ORDER BY revision LIMIT 1"),
    history: db.prepare(
      "SELECT revision, key, created, previous, value FROM log WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision",
    ),
  };
  const append = db.prepare("INSERT INTO log (revision, key, created, previous, value) VALUES (?, ?, ?, ?, ?)");
  const setLive = db.prepare(
    "INSERT INTO live (key, revision, created) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET revision = excluded.revision",
  );
  const removeLive = db.prepare("DELETE FROM live WHERE key = ?");
  const setCompacted = db.prepare("UPDATE compaction SET compacted = ?");
  const setSwept = db.prepare("UPDATE compaction SET swept = ?");
  const dropReplaced = db.prepare(
    "DELETE FROM log WHERE revision IN (SELECT previous FROM log WHERE revision > ? AND revision <= ? AND previous > 0)",
  );
  const dropDeletions = db.prepare("DELETE FROM log WHERE revision > ? AND revision <= ? AND value IS NULL");

  let { compacted, swept } = db.prepare("SELECT compacted, swept FROM compaction").get() as {
    compacted: number;
    swept: number;
  };
  const newest = db.prepare("SELECT max(revision) AS revision FROM log").get()!.revision as number | null;
  let revision = Math.max(newest ?? 1, compacted);

  const present: Ordered<number> = {
    get: (key) => (select.live.get(key) as LiveRow | undefined)?.revision,
    count: (from, to) => select.count.get(from, to ?? AFTER_ALL_TEXT)!.n as number,
    scan(from, to, visit) {
      for (const row of select.range.iterate(from, to ?? AFTER_ALL_TEXT)) {
        if (visit(row.revision as number, row.key as string) === false) return;
      }
    },
  };
  const entryOf = (row: LogRow): Entry => ({
    key: row.key,
    value: row.value!,
    createRevision: row.created,
    modRevision: row.revision,
  });
  const entryAt = (at: number): Entry => {
    const row = select.row.get(at) as LogRow | undefined;
    if (!row?.value) throw new Error(`the store's log has no value at revision ${at}`);
    return entryOf(row);
  };
  const assertReadable = (at: number) => {
    if (at > revision) throw new FutureRevisionError(revision);
    if (at < compacted) throw new CompactedError(compacted);
  };
  const transaction = <T>(body: () => T): T => {
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = body();
      db.exec("COMMIT");
      return result;
    } finally {
      if (db.isTransaction) db.exec("ROLLBACK");
    }
  };

  return {
    get revision() {
      return revision;
    },
    write(swaps, withPrevious) {
      let next = revision;
      const outcomes = transaction(() =>
        swaps.map(({ key, expected, value }): Outcome => {
          const old = select.live.get(key) as LiveRow | undefined;
          if ((old?.revision ?? 0) !== expected) {
            return { swapped: false, revision: next, current: old && entryAt(old.revision) };
          }
          if (value === null && !old) return { swapped: true, revision: next, created: 0 };
          const previous = old && withPrevious ? entryAt(old.revision) : undefined;
          const created = old?.created ?? next + 1;
          append.run(++next, key, created, expected, value);
          if (value === null) removeLive.run(key);
          else setLive.run(key, next, created);
          return { swapped: true, revision: next, created, ...(previous ? { previous } : {}) };
        }),
      );
      revision = next;
      return outcomes;
    },
    get(key, atRevision) {
      if (atRevision !== 0) assertReadable(atRevision);
      const changed = atRevision === 0 ? undefined : select.change.get(atRevision, key);
      const at = changed ? (changed.previous as number) : (present.get(key) ?? 0);
      return at === 0 ? undefined : entryAt(at);
    },
    count: (prefix) => present.count(prefix, prefixEnd(prefix)),
    list({ prefix, from, atRevision, limit, counted }) {
      const at = atRevision || revision;
      assertReadable(at);
      const changes = at === revision ? [] : select.changes.iterate(at, prefix, prefixEnd(prefix) ?? AFTER_ALL_TEXT);
      const past = rewind(
        changes as Iterable<{ key: string; previous: number }>, // 0 stands for "there was none"
      );
      for (const [key, row] of past) if (row === 0) past.set(key, undefined);
      const to = prefixEnd(prefix);
      const entries: Entry[] = [];
      let bytes = 0;
      let more = false;
      scanPast(present, past, from, to, (row) => {
        more = entries.length === limit || entries.length === PAGE_ROWS || bytes > PAGE_BYTES;
        if (more) return false;
        const entry = entryAt(row);
        entries.push(entry);
        bytes += entry.value.length;
        return true;
      });
      return { entries, revision: at, more, count: counted ? countPast(present, past, from, to) : 0 };
    },
    history({ prefix, after, withPrevious }) {
      assertReadable(Math.min(after, revision));
      const events: StoreEvent[] = [];
      let bytes = 0;
      for (const raw of select.history.iterate(after, prefix, prefixEnd(prefix) ?? AFTER_ALL_TEXT)) {
        if (events.length === PAGE_ROWS || bytes > PAGE_BYTES) return { events, through: events.at(-1)!.revision };
        const row = raw as unknown as LogRow;
        bytes += row.value?.length ?? 0;
        events.push({
          revision: row.revision,
          key: row.key,
          entry: row.value ? entryOf(row) : undefined,
          previous: withPrevious && row.previous > 0 ? entryAt(row.previous) : undefined,
        });
      }
      return { events, through: revision };
    },
    compact(to) {
      if (to > revision) throw new FutureRevisionError(revision);
      if (to <= compacted) return;
      transaction(() => setCompacted.run(to));
      compacted = to;
    },
    sweep() {
      if (swept >= compacted) return false;
      const to = Math.min(swept + SWEEP_REVISIONS, compacted);
      transaction(() => {
        dropReplaced.run(swept, to);
        dropDeletions.run(swept, to);
        setSwept.run(to);
      });
      swept = to;
      return true;
    },
    size() {
      const number = (name: string) => db.prepare(`PRAGMA ${name}`).get()![name] as number;
      const page = number("page_size");
      const pages = number("page_count");
      return { bytes: pages * page, bytesInUse: (pages - number("freelist_count")) * page };
    },
    defragment() {
      db.exec("VACUUM");
      db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    },
    close: () => db.close(),
  };
}
