import { internalError } from "../../api/status-error.ts";
import { type Change, wants } from "./selection.ts";
import { Turns } from "./turns.ts";
import type { Version } from "./version.ts";
import type { Selection, WatchEvent, Watcher } from "./watch-cache.ts";

/** Initial events are handed out in portions, so that encoding a large list gives others their turn. */
const INITIAL_BATCH = 500;

/**
 * What one watcher has yet to read. Events are shared, so a queue costs a pointer for each; it is bounded all the same,
 * as what it points to can't be freed.
 */
export class WatchQueue implements Watcher {
  readonly selection: Selection;
  private limit: number;
  private readonly onEnd: (reason: EndReason) => void;
  /** Changes up to this revision are not wanted. */
  private readonly after: number;
  private initial: readonly Version[] = [];
  private initialRead = 0;
  private readonly turns = new Turns();
  private events: WatchEvent[] = [];
  private wake: (() => void) | undefined;
  private ended = false;

  constructor(options: { selection: Selection; after: number; limit: number; onEnd: (reason: EndReason) => void }) {
    this.selection = options.selection;
    this.after = options.after;
    this.limit = options.limit;
    this.onEnd = options.onEnd;
  }

  /** Puts those of the present objects that are selected in front of everything, as ADDED events. */
  begin(present: readonly Version[]): void {
    this.initial = present;
  }

  /** Takes what happened since the version that was asked for; that alone does not make the watcher slow. */
  replay(changes: readonly Change[]): void {
    const { limit } = this;
    this.limit = Number.POSITIVE_INFINITY;
    for (const change of changes) this.offer(change);
    this.limit = limit + this.events.length;
  }

  /** Takes what this watcher selects of `change`. */
  offer(change: Change): void {
    if (this.ended || change.revision <= this.after) return;
    try {
      const event = change.seenBy(this.selection);
      if (event) this.push(event);
    } catch (error) {
      this.push({ type: "ERROR", error: internalError(error) });
      this.end("error");
    }
  }

  push(event: WatchEvent): void {
    if (this.ended) return;
    this.events.push(event);
    // Whoever waits for events gets them at the end of this turn, however many come.
    if (this.wake) this.rouse();
    else if (this.events.length > this.limit) {
      this.events = [];
      this.initial = [];
      this.end("slow");
    }
  }

  /** What is queued can still be read, then comes the end. */
  end(reason: EndReason): void {
    if (this.ended) return;
    this.ended = true;
    this.rouse();
    this.onEnd(reason);
  }

  close(): void {
    this.events = [];
    this.initial = [];
    this.end("closed");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly WatchEvent[], void, void> {
    try {
      for (;;) {
        if (this.initialRead < this.initial.length) {
          const portion = this.nextInitial();
          if (portion.length > 0) yield portion;
          if (this.initialRead < this.initial.length) await this.turns.next();
        } else if (this.events.length > 0) {
          const { events } = this;
          this.initial = [];
          this.events = [];
          yield events;
        } else if (this.ended) return;
        else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.close();
    }
  }

  /** The next events about present objects; perhaps none where few are selected. */
  private nextInitial(): WatchEvent[] {
    const portion: WatchEvent[] = [];
    const to = Math.min(this.initial.length, this.initialRead + INITIAL_BATCH);
    try {
      for (; this.initialRead < to; this.initialRead++) {
        const version = this.initial[this.initialRead]!;
        if (this.selection.matches) {
          if (this.turns.isOver(version)) break;
          version.skim();
        }
        if (wants(this.selection, version)) portion.push(version.added);
      }
    } catch (error) {
      this.initial = [];
      this.events = [];
      this.end("error");
      portion.push({ type: "ERROR", error: internalError(error) });
    }
    return portion;
  }

  private rouse(): void {
    this.wake?.();
    this.wake = undefined;
  }
}

export type EndReason = "closed" | "timeout" | "error" | "slow" | "reset";
