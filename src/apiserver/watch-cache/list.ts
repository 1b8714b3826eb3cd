import { badRequest } from "../../api/status-error.ts";
import { compareBytes, prefixEnd } from "../../base/sorted-map.ts";
import { countPast, type Past, rewind, scanPast } from "../../store/past.ts";
import { CompactedError, FutureRevisionError } from "../../store/store.ts";
import { decodeContinue, encodeContinue } from "./continue-token.ts";
import { FieldIndex } from "./field-index.ts";
import type { CacheParts, Loaded } from "./resource-cache.ts";
import { isSelective, wants } from "./selection.ts";
import { Turns } from "./turns.ts";
import { Version } from "./version.ts";
import { tooLarge, tooOldToContinue, tooOldToList } from "./version-errors.ts";
import type { CachedList, ListOptions, Selection } from "./watch-cache.ts";

/** What lists and watches need of their cache. */
export interface ReadContext {
  readonly parts: CacheParts;
  /** The state, not older than a revision; without one, showing all that was acknowledged before the call. */
  read(notOlderThan?: number): Promise<Loaded>;
  revisionOf(state: Loaded): number;
}

/** The keys to go through. */
interface Range {
  /** What a continue token leaves out of its key. */
  base: string;
  from: string;
  to: string | undefined;
}

const rangeOf = (prefix: string, { namespace }: Selection, start = ""): Range => {
  const base = namespace === undefined ? prefix : `${prefix}${namespace}/`;
  return { base, from: base + start, to: prefixEnd(base) };
};

/**
 * The present objects among which those of a selection are, in key order: what its namespace, name and index leave. `visit`
 * may end it with false. The index that it takes must be there: see `prepareIndex`.
 */
export function scanCandidates(
  state: Loaded,
  parts: CacheParts,
  selection: Selection,
  range: Range,
  visit: (version: Version) => boolean | undefined,
): void {
  const { name, namespace } = selection;
  if (name !== undefined && namespace !== undefined) {
    const version = state.present.get(range.base + name);
    if (version && compareBytes(version.key, range.from) >= 0) visit(version);
    return;
  }
  const index = indexOf(state, parts, selection);
  if (index) {
    for (const key of index.find(range.from, range.to)) {
      if (visit(state.present.get(key)!) === false) return;
    }
    return;
  }
  if (name === undefined) state.present.scan(range.from, range.to, visit);
  else state.present.scan(range.from, range.to, (version) => (version.name === name ? visit(version) : undefined));
}

/** The present objects among which those of a selection are. */
export function candidates(state: Loaded, parts: CacheParts, selection: Selection): Version[] {
  const found: Version[] = [];
  scanCandidates(state, parts, selection, rangeOf(parts.resource.prefix, selection), (version) => {
    found.push(version);
    return undefined;
  });
  return found;
}

/** The indexed field by which a selection can be found. */
const indexedFieldOf = ({ resource }: CacheParts, { exact }: Selection) =>
  exact && resource.indexedFields?.find((candidate) => exact[candidate] !== undefined);

function indexOf(state: Loaded, parts: CacheParts, selection: Selection) {
  const field = indexedFieldOf(parts, selection);
  const index = field === undefined ? undefined : state.indexes.get(field);
  if (!index) return undefined;
  return {
    find: (from: string, to: string | undefined) => index.find(selection.exact![field!]!, from, to),
  };
}

/** Makes the index that a selection is found by, where there is none yet. True where that took time: then read again. */
export async function prepareIndex(state: Loaded, parts: CacheParts, selection: Selection): Promise<boolean> {
  const field = indexedFieldOf(parts, selection);
  if (field === undefined) return false;
  let index = state.indexes.get(field);
  if (!index) {
    index = new FieldIndex(field, state.present);
    state.indexes.set(field, index);
  }
  if (!index.building) return false;
  await index.building;
  return true;
}

export async function listVersions(context: ReadContext, options: ListOptions): Promise<CachedList> {
  const { parts } = context;
  const { prefix } = parts.resource;
  if (options.continue !== undefined && options.continue !== "") {
    if (options.resourceVersion !== undefined) {
      throw badRequest("specifying resource version is not allowed when using continue");
    }
    const point = decodeContinue(options.continue);
    const range = rangeOf(prefix, options, point.start);
    if (point.revision < 0) return listPresent(context, await context.read(), options, range);
    return listAt(context, options, range, point.revision, () => tooOldToContinue(point.start));
  }
  const range = rangeOf(prefix, options);
  if (options.exactVersion && options.resourceVersion) {
    return listAt(context, options, range, options.resourceVersion, tooOldToList);
  }
  let state = await context.read(options.resourceVersion);
  if (await prepareIndex(state, parts, options)) state = await context.read(options.resourceVersion);
  // As upstream, a list of whatever the cache has is not cut into pages.
  return listPresent(context, state, options.resourceVersion === 0 ? { ...options, limit: 0 } : options, range);
}

async function listPresent(
  context: ReadContext,
  state: Loaded,
  options: ListOptions,
  range: Range,
): Promise<CachedList> {
  const page = new Page(options);
  const revision = context.revisionOf(state);
  const turns = new Turns();
  /** What is left when others must get their turn: noted now, as the state goes on meanwhile. */
  const rest: Version[] = [];
  scanCandidates(state, context.parts, options, range, (version) => {
    if (rest.length > 0 || (options.matches && turns.isOver(version))) {
      rest.push(version);
      return undefined;
    }
    if (options.matches) version.skim();
    return wants(options, version) ? page.add(version) : undefined;
  });
  for (const version of rest) {
    if (turns.isOver(version)) await turns.next();
    version.skim();
    if (wants(options, version) && page.add(version) === false) break;
  }
  return page.close(range, revision, (from) => state.present.count(from, range.to));
}

/** The state at `revision`: the present with the changes since undone, or the store's history where ours is too short. */
async function listAt(
  context: ReadContext,
  options: ListOptions,
  range: Range,
  revision: number,
  expired: () => Error,
): Promise<CachedList> {
  const state = await context.read(revision);
  if (revision < state.history.oldest) return listStored(context.parts, options, range, revision, expired);
  if (revision < context.revisionOf(state)) await checkKept(context.parts, revision, expired);
  const past: Past<Version> = rewind(state.history.after(revision));
  const page = new Page(options);
  scanPast(state.present, past, range.from, range.to, (version) =>
    wants(options, version) ? page.add(version) : undefined,
  );
  return page.close(range, revision, (from) => countPast(state.present, past, from, range.to));
}

/**
 * Of a quiet resource we could tell the past for ever. Clients are told that pages end with the store's history, whoever
 * reads them, so that they don't go on with what is long outdated.
 */
async function checkKept({ store, resource }: CacheParts, revision: number, expired: () => Error): Promise<void> {
  try {
    await store.get(resource.prefix, revision);
  } catch (error) {
    throw error instanceof CompactedError ? expired() : error;
  }
}

/** Enough to make a call of the store worth while, when a selection may leave little of a page. */
const STORE_PAGE = 500;

async function listStored(
  { store, reading }: CacheParts,
  options: ListOptions,
  range: Range,
  atRevision: number,
  expired: () => Error,
): Promise<CachedList> {
  const page = new Page(options);
  const limit = options.limit ? Math.max(STORE_PAGE, options.limit + 1) : 0;
  let { from } = range;
  try {
    for (;;) {
      const { entries, more } = await store.list(range.base, { atRevision, from, limit });
      for (const entry of entries) {
        const version = new Version(reading, entry);
        if (wants(options, version) && page.add(version) === false) break;
      }
      if (page.full || !more) break;
      from = `${entries.at(-1)!.key}\0`;
    }
    const counted = page.full && !isSelective(options) ? page.next : undefined;
    const rest = counted ? (await store.list(range.base, { atRevision, from: counted, limit: 1 })).count : 0;
    return page.close(range, atRevision, () => rest);
  } catch (error) {
    if (error instanceof CompactedError) throw expired();
    if (error instanceof FutureRevisionError) throw tooLarge(atRevision, error.revision);
    throw error;
  }
}

/** Collects one page. The first object that does not fit is where the next page begins. */
class Page {
  readonly items: Version[] = [];
  /** The key of the next page, once this one is full. */
  next = "";
  private readonly options: ListOptions;

  constructor(options: ListOptions) {
    this.options = options;
  }

  get full(): boolean {
    return this.next !== "";
  }

  /** False where the page was full already. */
  add(version: Version): boolean {
    if (this.options.limit && this.items.length >= this.options.limit) {
      this.next = version.key;
      return false;
    }
    this.items.push(version);
    return true;
  }

  /** `countFrom` counts the keys from one on. */
  close({ base }: Range, revision: number, countFrom: (key: string) => number): CachedList {
    const { items, next } = this;
    if (!this.full) return { items, resourceVersion: revision };
    // Upstream's tokens name the last key read; ours the first to be read, which is as good and needs no successor.
    const token = encodeContinue({ revision, start: next.slice(base.length) });
    const remaining = isSelective(this.options) ? {} : { remainingItemCount: countFrom(next) };
    return { items, resourceVersion: revision, continue: token, ...remaining };
  }
}
