import { nullFieldsOf } from "../codec/field-presence.ts";
import { jsonEqual } from "../json-equal.ts";
import { isObject, type JsonObject } from "../patch/go-format.ts";
import type { Type } from "../schema/schema.ts";
import { EMPTY, type FieldSet, fieldElement, isEmpty, node, recursiveDifference, union } from "./field-set.ts";
import { type Container, containerOf, indexList, memberType } from "./typed.ts";

/** What differs between two values, as sets of paths. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

const SAME: Comparison = { added: EMPTY, modified: EMPTY, removed: EMPTY };

/** Compares the entries of two objects of a type; parts that are the very same object are not looked into. */
export function compare(before: unknown, after: unknown, type: Type | undefined): Comparison {
  if (jsonEqual(before, after)) return SAME;
  const [left, right] = [containerOf(type, before), containerOf(type, after)];
  const changes = new Changes();
  changes.entries(left, right, type);
  return changes.result();
}

/** The comparison without what lies at or below the paths of `fields`. */
export function excluding(comparison: Comparison, fields: FieldSet): Comparison {
  if (isEmpty(fields)) return comparison;
  return {
    added: recursiveDifference(comparison.added, fields),
    modified: recursiveDifference(comparison.modified, fields),
    removed: recursiveDifference(comparison.removed, fields),
  };
}

export const isSame = ({ added, modified, removed }: Comparison): boolean =>
  isEmpty(added) && isEmpty(modified) && isEmpty(removed);

/** Everything that a writer sets: added or modified. */
export const changedFields = ({ added, modified }: Comparison): FieldSet => union(added, modified);

type Kind = "added" | "modified" | "removed";
const KINDS: readonly Kind[] = ["added", "modified", "removed"];

/** The three sets of one level. */
class Changes {
  readonly #sets: Record<Kind, Record<string, FieldSet>> = { added: {}, modified: {}, removed: {} };

  result(): Comparison {
    return this.#sets;
  }

  entries(left: Container | undefined, right: Container | undefined, type: Type | undefined): void {
    if (left?.kind === "list" || right?.kind === "list") {
      this.#items(left?.kind === "list" ? left : undefined, right?.kind === "list" ? right : undefined);
      return;
    }
    const before: JsonObject = left?.value ?? {};
    const after: JsonObject = right?.value ?? {};
    for (const key in before) {
      const other = Object.hasOwn(after, key) ? after[key] : absent(type, key);
      // Unequal parts are walked again inside, but most parts are equal and end here.
      if (!jsonEqual(before[key], other)) this.#entry(fieldElement(key), before[key], other, memberType(type, key));
    }
    for (const key in after) {
      if (Object.hasOwn(before, key)) continue;
      this.#entry(fieldElement(key), absent(type, key), after[key], memberType(type, key));
    }
  }

  #items(left: (Container & { kind: "list" }) | undefined, right: (Container & { kind: "list" }) | undefined): void {
    const { list } = (left ?? right)!;
    const before = indexList(list, left?.value ?? []);
    const after = indexList(list, right?.value ?? []);
    for (const [element, item] of before.items) {
      const other = after.items.get(element);
      // Repeated items cannot be told apart: whoever writes such a list owns them anew.
      if (other !== undefined && (before.repeated.has(element) || after.repeated.has(element))) {
        if (!jsonEqual(item, other)) this.#add("modified", element, true, EMPTY);
      } else if (!jsonEqual(item, other)) this.#entry(element, item, other, list.items);
    }
    for (const [element, item] of after.items) {
      if (!before.items.has(element)) this.#entry(element, undefined, item, list.items);
    }
  }

  #entry(element: string, before: unknown, after: unknown, type: Type | undefined): void {
    const [left, right] = [containerOf(type, before), containerOf(type, after)];
    if (before === undefined || after === undefined) {
      const [kind, container] = before === undefined ? (["added", right] as const) : (["removed", left] as const);
      this.#add(kind, element, true, container ? wholeSet(container, type) : EMPTY);
      return;
    }
    // Null takes the form of the other side; two empty values of different kinds still differ.
    const comparable = before === null || after === null ? (left ?? right) : left && right && left.kind === right.kind;
    if (!comparable || (isEmptyContainer(before) && isEmptyContainer(after))) {
      this.#add("modified", element, true, EMPTY);
      // A value that is of another kind now: what it held is gone, and what it holds is new.
      if (left) this.#add("removed", element, false, wholeSet(left, type));
      if (right) this.#add("added", element, false, wholeSet(right, type));
      return;
    }
    const inner = new Changes();
    inner.entries(left, right, type);
    for (const kind of KINDS) this.#add(kind, element, false, inner.result()[kind]);
  }

  #add(kind: Kind, element: string, member: boolean, children: FieldSet): void {
    const made = node(member, children);
    if (made) this.#sets[kind][element] = made;
  }
}

/** A field that is absent here, but that upstream writes, counts as null. */
function absent(type: Type | undefined, key: string): null | undefined {
  return type?.kind === "struct" && nullFieldsOf(type).has(key) ? null : undefined;
}

const isEmptyContainer = (value: unknown) =>
  value === null || (Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0);

/** All that a container holds, each container in it included. */
function wholeSet(container: Container, type: Type | undefined): FieldSet {
  const set: Record<string, FieldSet> = {};
  const put = (element: string, value: unknown, inner: Type | undefined) => {
    const below = containerOf(inner, value);
    set[element] = node(true, below ? wholeSet(below, inner) : EMPTY)!;
  };
  if (container.kind === "list") {
    for (const [element, item] of indexList(container.list, container.value).items) {
      put(element, item, container.list.items);
    }
  } else {
    for (const key of Object.keys(container.value)) put(fieldElement(key), container.value[key], memberType(type, key));
    if (type?.kind !== "struct") return set;
    for (const key of nullFieldsOf(type)) set[fieldElement(key)] ??= EMPTY;
  }
  return set;
}
