import { fieldOf } from "./field-index.ts";
import type { Change } from "./selection.ts";
import type { Selection } from "./watch-cache.ts";
import type { WatchQueue } from "./watch-queue.ts";

type Group = Map<string, Set<WatchQueue>>;

/**
 * Finds the watchers that a change may concern without asking all of them. Each watcher is filed once, under the most
 * telling thing that it selects: a name, a value of an indexed field, a namespace, or nothing. A change is offered to
 * the watchers filed under its own name, its values before and after, its namespace, and nothing. So thousands of kubelets,
 * each watching the pods of its node, cost a change no more than the one or two that it concerns.
 */
export class Dispatcher {
  private readonly indexedFields: readonly string[];
  private readonly everything = new Set<WatchQueue>();
  private readonly byNamespace: Group = new Map();
  private readonly byName: Group = new Map();
  private readonly byField = new Map<string, Group>();
  private closed = false;

  constructor(indexedFields: readonly string[]) {
    this.indexedFields = indexedFields;
  }

  add(watcher: WatchQueue): void {
    if (this.closed) {
      watcher.end("reset");
      return;
    }
    const { group, value } = this.placeOf(watcher.selection);
    if (!group) {
      this.everything.add(watcher);
      return;
    }
    const members = group.get(value);
    if (members) members.add(watcher);
    else group.set(value, new Set([watcher]));
  }

  remove(watcher: WatchQueue): void {
    const { group, value } = this.placeOf(watcher.selection);
    if (!group) {
      this.everything.delete(watcher);
      return;
    }
    const members = group.get(value);
    members?.delete(watcher);
    if (members?.size === 0) group.delete(value);
  }

  dispatch(change: Change): void {
    for (const watcher of this.everything) watcher.offer(change);
    const { namespace, name } = (change.current ?? change.previous)!;
    offer(this.byNamespace, namespace, change);
    offer(this.byName, name, change);
    for (const [field, group] of this.byField) {
      if (group.size === 0) continue;
      const before = change.previous && fieldOf(change.previous, field);
      const after = change.current && fieldOf(change.current, field);
      if (before !== undefined) offer(group, before, change);
      if (after !== undefined && after !== before) offer(group, after, change);
    }
  }

  /** Ends all watchers, and those who still come. */
  close(): void {
    this.closed = true;
    for (const watcher of [...this.watchers()]) watcher.end("reset");
  }

  private *watchers(): Generator<WatchQueue> {
    yield* this.everything;
    for (const group of [this.byNamespace, this.byName, ...this.byField.values()]) {
      for (const members of group.values()) yield* members;
    }
  }

  private placeOf(selection: Selection): { group?: Group; value: string } {
    if (selection.name !== undefined) return { group: this.byName, value: selection.name };
    for (const field of this.indexedFields) {
      const value = selection.exact?.[field];
      if (value === undefined) continue;
      let group = this.byField.get(field);
      if (!group) {
        group = new Map();
        this.byField.set(field, group);
      }
      return { group, value };
    }
    if (selection.namespace !== undefined) return { group: this.byNamespace, value: selection.namespace };
    return { value: "" };
  }
}

function offer(group: Group, value: string, change: Change): void {
  const members = group.get(value);
  if (members) for (const watcher of members) watcher.offer(change);
}
