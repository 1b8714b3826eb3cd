import { nextTurn } from "../../base/event-loop.ts";
import type { Version } from "./version.ts";

/** Stored objects are decoded in about 10 ns a byte: this much takes some 5 ms. */
export const TURN_BYTES = 512 * 1024;

/** Cuts going through many objects into turns, between which others get theirs. */
export class Turns {
  private unread = 0;

  /** Whether what must be decoded for `version` is too much for this turn. */
  isOver(version: Version): boolean {
    this.unread += version.unreadBytes;
    return this.unread > TURN_BYTES;
  }

  async next(): Promise<void> {
    await nextTurn();
    this.unread = 0;
  }
}
