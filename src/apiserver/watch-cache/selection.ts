import type { Version } from "./version.ts";
import type { ChangeEvent, Selection } from "./watch-cache.ts";

/** Whether `version` is one of those that are wanted. */
export function wants(selection: Selection, version: Version): boolean {
  if (selection.namespace !== undefined && version.namespace !== selection.namespace) return false;
  if (selection.name !== undefined && version.name !== selection.name) return false;
  return selection.matches?.(version.attributes) ?? true;
}

/** Whether something decides beyond the namespace: then counting keys does not count what is wanted. */
export function isSelective(selection: Selection): boolean {
  return selection.name !== undefined || selection.matches !== undefined;
}

/** One change of one key. It is the same for all; what a watcher sees of it depends on what it selects. */
export class Change {
  readonly revision: number;
  readonly key: string;
  /** The state before and after; one of them is there. */
  readonly previous: Version | undefined;
  readonly current: Version | undefined;
  private modified: ChangeEvent | undefined;
  private deleted: ChangeEvent | undefined;

  constructor(revision: number, key: string, previous: Version | undefined, current: Version | undefined) {
    this.revision = revision;
    this.key = key;
    this.previous = previous;
    this.current = current;
  }

  /**
   * The event for those who select so, or undefined. An object that comes into the selection is ADDED, one that leaves it is
   * DELETED, with its last state in the selection and the revision of this change.
   */
  seenBy(selection: Selection): ChangeEvent | undefined {
    const before = this.previous !== undefined && wants(selection, this.previous);
    const after = this.current !== undefined && wants(selection, this.current);
    if (after && !before) return this.current!.added;
    if (after) {
      this.modified ??= this.current!.as("MODIFIED");
      return this.modified;
    }
    if (!before) return undefined;
    this.deleted ??= this.previous!.at(this.revision).as("DELETED");
    return this.deleted;
  }

  /** What keeping this change costs, in bytes. */
  get bytes(): number {
    return (this.current ?? this.previous)!.value.length + 200;
  }
}
