import type { RequestInfo } from "../request-info.ts";

/** What a request is expected to cost. */
export interface WorkEstimate {
  /** Seats taken while it is executed. */
  readonly initialSeats: number;
  /** Seats taken for `lingerMs` after its answer, for the watchers that its change is sent to. */
  readonly finalSeats: number;
  readonly lingerMs: number;
}

/** What an estimate looks at. */
export interface WorkFacts {
  /** How many objects a resource has in memory, and their size together. Undefined: not known, or not used yet. */
  stored(group: string, resource: string): { count: number; bytes: number } | undefined;
  /** How many watches a change by this request concerns. */
  watchers(info: RequestInfo): number;
}

/** Upstream's constants. */
const BYTES_PER_SEAT = 100_000;
/** What a list that is answered from memory holds at once, at most. */
const MOST_BYTES = 1_000_000;
const MOST_LIST_SEATS = 100;
const MOST_WRITE_SEATS = 10;
const WATCHES_PER_SEAT = 10;
const EVENT_MS = 5;

const ONE: WorkEstimate = { initialSeats: 1, finalSeats: 0, lingerMs: 0 };
const WRITES = new Set(["create", "update", "patch", "delete"]);

/**
 * The work in a request: lists, and watches that begin with one, take a seat per 100 kB that they hold; writes linger for
 * the watchers that learn of them. `maxSeats` is the level's own limit for one request (0: none).
 */
export function estimateWork(
  info: RequestInfo,
  query: URLSearchParams,
  maxSeats: number,
  facts: WorkFacts,
  onWatchers: (count: number) => void,
): WorkEstimate {
  if (!info.isResource) return ONE;
  if (info.verb === "list" || (info.verb === "watch" && beginsWithList(query))) {
    return listWork(info, query, limited(maxSeats, MOST_LIST_SEATS), facts);
  }
  if (WRITES.has(info.verb)) {
    // A token is no change that anybody watches.
    if (info.resource === "serviceaccounts" && info.subresource === "token") return ONE;
    const watchers = facts.watchers(info);
    onWatchers(watchers);
    if (watchers < WATCHES_PER_SEAT) return ONE;
    const seats = Math.ceil(watchers / WATCHES_PER_SEAT);
    const finalSeats = Math.min(seats, limited(maxSeats, MOST_WRITE_SEATS));
    return { initialSeats: 1, finalSeats, lingerMs: (seats * EVENT_MS) / finalSeats };
  }
  return ONE;
}

const limited = (maxSeats: number, most: number) => (maxSeats === 0 ? most : Math.min(maxSeats, most));

/** Whether a watch sends the present objects first: asked for outright, or by naming no version. */
function beginsWithList(query: URLSearchParams): boolean {
  if (query.get("sendInitialEvents") === "true") return true;
  const version = query.get("resourceVersion") ?? "";
  return version === "" || version === "0";
}

function listWork(info: RequestInfo, query: URLSearchParams, maxSeats: number, facts: WorkFacts): WorkEstimate {
  // A field selector for one name reads one object.
  if (info.name !== "") return ONE;
  const stored = facts.stored(info.group, info.resource);
  if (!stored || stored.count === 0) return ONE;
  const limit = Number(query.get("limit") ?? 0);
  const objects = limit > 0 ? Math.min(limit, stored.count) : stored.count;
  const bytes = Math.min((stored.bytes / stored.count) * objects, MOST_BYTES);
  const seats = Math.min(Math.max(Math.ceil(bytes / BYTES_PER_SEAT), 1), maxSeats);
  return seats === 1 ? ONE : { initialSeats: seats, finalSeats: 0, lingerMs: 0 };
}

/** The most seats that one request takes. */
export const seatsOf = (work: WorkEstimate) => Math.max(work.initialSeats, work.finalSeats);
