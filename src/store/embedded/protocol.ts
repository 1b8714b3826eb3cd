import { CompactedError, type Entry, FutureRevisionError, type StoreEvent, StoreUnavailableError } from "../store.ts";
import type { HistoryQuery, ListQuery, Outcome } from "./revision-log.ts";

/** What is said between the store and its worker. Each request gets one reply; answers (not errors) come in the order of sending. */
export interface Calls {
  /** All swaps in one commit. The values lie one after another in `values`; a length of -1 is a deletion. */
  write: {
    ask: { keys: string[]; expected: number[]; lengths: number[]; values: Uint8Array; withPrevious: boolean };
    answer: Outcome[];
  };
  get: { ask: { key: string; atRevision: number }; answer: Entry | undefined };
  count: { ask: { prefix: string }; answer: number };
  list: { ask: ListQuery; answer: { entries: Entry[]; revision: number; more: boolean; count: number } };
  history: { ask: HistoryQuery; answer: { events: StoreEvent[]; through: number; revision: number } };
  /** Answered when all that was compacted has been dropped; other requests are served meanwhile. */
  compact: { ask: { revision: number }; answer: undefined };
  status: { ask: undefined; answer: { bytes: number; bytesInUse: number } };
  /** Nothing else is served meanwhile. */
  defragment: { ask: undefined; answer: undefined };
  close: { ask: undefined; answer: undefined };
}
export type CallName = keyof Calls;

export type Request = { [Name in CallName]: { id: number; name: Name; ask: Calls[Name]["ask"] } }[CallName];
/** The first message carries id 0: the store is open at `answer` (its revision), or could not be opened. */
export type Reply = { id: number; answer: unknown } | { id: number; error: WireError };

/** Errors lose their class on the way between threads; these are the ones that mean something to the caller. */
export type WireError =
  | { kind: "compacted" | "future"; revision: number }
  | { kind: "unavailable" | "other"; message: string };

export function toWire(error: unknown): WireError {
  if (error instanceof CompactedError) return { kind: "compacted", revision: error.oldestRevision };
  if (error instanceof FutureRevisionError) return { kind: "future", revision: error.revision };
  const message = error instanceof Error ? error.message : String(error);
  return { kind: error instanceof StoreUnavailableError ? "unavailable" : "other", message };
}

export function fromWire(error: WireError): Error {
  switch (error.kind) {
    case "compacted":
      return new CompactedError(error.revision);
    case "future":
      return new FutureRevisionError(error.revision);
    case "unavailable":
      return new StoreUnavailableError(error.message);
    case "other":
      return new Error(error.message);
  }
}
