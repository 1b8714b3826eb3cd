import { createHash } from "node:crypto";
import type { Entry, Store } from "./store.ts";

/**
 * A snapshot of a store, whatever its kind, as lines of JSON: what it is, one entry per line, and a hash of all of that.
 *
 *     {"format":"knarr-store-snapshot","version":1,"revision":812,"time":"2026-01-01T00:00:00.000Z"}
 *     {"key":"/registry/pods/default/web","create":640,"mod":801,"value":"eyJra…"}
 *     {"entries":1,"sha256":"…"}
 */
const FORMAT = "knarr-store-snapshot";
const VERSION = 1;

export interface SnapshotSummary {
  /** The one revision that all entries are of. */
  revision: number;
  /** When it was taken: RFC 3339. */
  time: string;
  entries: number;
  /** In hex, of all lines but the last. */
  sha256: string;
}

/** Not a snapshot, or not a whole one. */
export class SnapshotError extends Error {}

const PAGE = 500;

/**
 * Writes all of `store` as it is at one revision, while it goes on. `write` may return a promise to be waited for. Fails
 * with a CompactedError where writing takes longer than the store keeps its history.
 */
export async function writeSnapshot(
  store: Pick<Store, "revision" | "list">,
  time: string,
  write: (chunk: Buffer) => unknown,
): Promise<SnapshotSummary> {
  const revision = await store.revision();
  const hash = createHash("sha256");
  let entries = 0;
  const put = async (lines: string[]) => {
    const chunk = Buffer.from(lines.join(""));
    hash.update(chunk);
    await write(chunk);
  };
  await put([line({ format: FORMAT, version: VERSION, revision, time })]);
  for (let from = ""; ; ) {
    const page = await store.list("", { atRevision: revision, limit: PAGE, ...(from ? { from } : {}) });
    await put(page.entries.map(entryLine));
    entries += page.entries.length;
    if (!page.more) break;
    from = `${page.entries.at(-1)!.key}\0`;
  }
  const sha256 = hash.digest("hex");
  await write(Buffer.from(line({ entries, sha256 })));
  return { revision, time, entries, sha256 };
}

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const entryLine = ({ key, value, createRevision, modRevision }: Entry) =>
  line({ key, create: createRevision, mod: modRevision, value: Buffer.from(value).toString("base64") });

/**
 * Reads a snapshot, giving its entries to `take` in the order of their keys as they come: before the hash was compared,
 * so that whoever takes them must undo it where this rejects. Throws a SnapshotError.
 */
export async function readSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  take: (entry: Entry, summary: Pick<SnapshotSummary, "revision" | "time">) => unknown,
): Promise<SnapshotSummary> {
  const hash = createHash("sha256");
  let head: { revision: number; time: string } | undefined;
  let entries = 0;
  let end: { entries: number; sha256: string } | undefined;
  for await (const text of lines(chunks)) {
    if (end) throw new SnapshotError("there is something after the end of the snapshot");
    const value = parse(text);
    if (typeof value.sha256 === "string") {
      end = value as unknown as typeof end;
      continue;
    }
    hash.update(text);
    hash.update("\n");
    if (!head) {
      if (value.format !== FORMAT) throw new SnapshotError("this is not a snapshot of a store");
      if (value.version !== VERSION) {
        throw new SnapshotError(`the snapshot has format ${value.version}; this version of Knarr knows ${VERSION}`);
      }
      head = value as unknown as typeof head;
      continue;
    }
    entries++;
    await take(toEntry(value), head!);
  }
  if (!head) throw new SnapshotError("this is not a snapshot of a store");
  if (!end) throw new SnapshotError("the snapshot is cut off");
  const sha256 = hash.digest("hex");
  if (end.sha256 !== sha256 || end.entries !== entries) {
    throw new SnapshotError(`the snapshot is damaged: its hash is ${sha256}, not ${end.sha256}`);
  }
  return { revision: head.revision, time: head.time, entries, sha256 };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new SnapshotError("this is not a snapshot of a store, or a damaged one");
}

function toEntry({ key, create, mod, value }: Record<string, unknown>): Entry {
  if (typeof key !== "string" || typeof value !== "string" || typeof create !== "number" || typeof mod !== "number") {
    throw new SnapshotError("the snapshot has a line that is no entry");
  }
  return { key, value: Buffer.from(value, "base64"), createRevision: create, modRevision: mod };
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]).toString("utf8");
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(Buffer.from(chunk.subarray(start)));
  }
  if (rest.length > 0) yield Buffer.concat(rest).toString("utf8");
}

const NEWLINE = 0x0a;
