import { nextTurn } from "../../base/event-loop.ts";
import { compareBytes, type SortedMap } from "../../base/sorted-map.ts";
import type { Change } from "./selection.ts";
import { TURN_BYTES } from "./turns.ts";
import type { Version } from "./version.ts";

/**
 * The value of a selectable field; undefined where the object has no such field or can't be decoded. The latter shows
 * where the object itself is read, and must not keep others from being found.
 */
export function fieldOf(version: Version, field: string): string | undefined {
  try {
    version.skim();
    return version.attributes.fields[field];
  } catch {
    return undefined;
  }
}

/** The keys of the objects that have a value in one field. Made when it is first asked for, as every object must be decoded. */
export class FieldIndex {
  /** Resolves when all present objects are in the index; undefined from then on. Changes are taken in from the start. */
  building: Promise<void> | undefined;
  private readonly field: string;
  private readonly keys = new Map<string, Set<string>>();

  constructor(field: string, present: SortedMap<Version>) {
    this.field = field;
    const filling = this.fill(present);
    if (!filling.next().done) this.building = this.finish(filling);
  }

  apply({ previous, current }: Change): void {
    if (previous) this.remove(previous);
    if (current) this.add(current);
  }

  /** The keys with `value` from `from` (inclusive) to `to` (exclusive), in order. */
  find(value: string, from: string, to: string | undefined): string[] {
    const keys = [...(this.keys.get(value) ?? [])];
    return keys
      .filter((key) => compareBytes(key, from) >= 0 && (to === undefined || compareBytes(key, to) < 0))
      .sort(compareBytes);
  }

  private *fill(present: SortedMap<Version>): Generator<void, void> {
    const all: Version[] = [];
    present.scan("", undefined, (version) => {
      all.push(version);
      return undefined;
    });
    let unread = 0;
    for (const version of all) {
      unread += version.unreadBytes;
      if (unread > TURN_BYTES) {
        yield;
        unread = 0;
      }
      // What was changed meanwhile is in the index already.
      if (present.get(version.key) === version) this.add(version);
    }
  }

  private async finish(filling: Generator<void, void>): Promise<void> {
    do await nextTurn();
    while (!filling.next().done);
    this.building = undefined;
  }

  private add(version: Version): void {
    const value = fieldOf(version, this.field);
    if (value === undefined) return;
    const keys = this.keys.get(value);
    if (keys) keys.add(version.key);
    else this.keys.set(value, new Set([version.key]));
  }

  private remove(version: Version): void {
    const value = fieldOf(version, this.field);
    if (value === undefined) return;
    const keys = this.keys.get(value);
    keys?.delete(version.key);
    if (keys?.size === 0) this.keys.delete(value);
  }
}
