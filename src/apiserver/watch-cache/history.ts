import type { Change } from "./selection.ts";

export interface HistoryLimits {
  /** At most so many changes and so many bytes of values. */
  maxChanges: number;
  maxBytes: number;
  /** Older changes are dropped, down to MIN_CHANGES. */
  maxAgeMs: number;
}

/** As much as the store keeps (see store/compactor.ts), within bounds that a small machine can afford. */
export const HISTORY_LIMITS: HistoryLimits = { maxChanges: 10_000, maxBytes: 8 * 2 ** 20, maxAgeMs: 5 * 60_000 };

/** Kept whatever their age, so that a watcher of a quiet resource can always go on where it was. */
const MIN_CHANGES = 100;

/** The latest changes of one resource, without gaps: all those after `oldest`. */
export class History {
  /** Changes after this revision are here; what was before is not known. */
  oldest: number;
  /** Whether changes were dropped because they were too many, too large or too old. */
  trimmed = false;
  private readonly limits: HistoryLimits;
  private changes: { change: Change; at: number }[] = [];
  private head = 0;
  private bytes = 0;

  constructor(oldest: number, limits: HistoryLimits) {
    this.oldest = oldest;
    this.limits = limits;
  }

  /** `now` is monotonic time in ms. */
  push(change: Change, now: number): void {
    this.changes.push({ change, at: now });
    this.bytes += change.bytes;
    const { maxChanges, maxBytes, maxAgeMs } = this.limits;
    for (;;) {
      const length = this.changes.length - this.head;
      const first = this.changes[this.head]!;
      const tooOld = length > MIN_CHANGES && now - first.at > maxAgeMs;
      if (!tooOld && length <= maxChanges && (this.bytes <= maxBytes || length === 1)) break;
      this.head++;
      this.trimmed = true;
      this.bytes -= first.change.bytes;
      this.oldest = first.change.revision;
    }
    if (this.head > 64 && this.head * 2 > this.changes.length) {
      this.changes = this.changes.slice(this.head);
      this.head = 0;
    }
  }

  /** Puts `changes` in front: all those after `oldest` that are not known yet. */
  prepend(changes: readonly Change[], oldest: number, now: number): void {
    this.changes = [...changes.map((change) => ({ change, at: now })), ...this.changes.slice(this.head)];
    this.head = 0;
    for (const { bytes } of changes) this.bytes += bytes;
    this.oldest = oldest;
  }

  /** The changes after `revision`, which must not be below `oldest`. */
  after(revision: number): Change[] {
    let low = this.head;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.changes[middle]!.change.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.changes.slice(low).map(({ change }) => change);
  }
}
