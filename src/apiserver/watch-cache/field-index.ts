import { compareBytes } from "../../base/sorted-map.ts";
import type { Change } from "./selection.ts";
import type { Version } from "./version.ts";

/**
 * The value of a selectable field; undefined where the object has no such field or can't be decoded. The latter shows
 * where the object itself is read, and must not keep others from being found.
 */
export function fieldOf(version: Version, field: string): string | undefined {
  try {
    return version.attributes.fields[field];
  } catch {
    return undefined;
  }
}

/** The keys of the objects that have a value in one field. Built when it is first asked, as it decodes every object. */
export class FieldIndex {
  private readonly field: string;
  private readonly keys = new Map<string, Set<string>>();

  constructor(field: string, present: Iterable<Version>) {
    this.field = field;
    for (const version of present) this.add(version);
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
