import { setMember } from "../codec/json-text.ts";
import type { JsonObject } from "../patch/go-format.ts";
import type { Type } from "../schema/schema.ts";
import { childOf, type FieldSet, fieldElement, isEmpty, isMember } from "./field-set.ts";
import { containerOf, indexList, itemElement, type KeyedList, memberType } from "./typed.ts";

/** `applied` over `live`: what it gives wins, maps and keyed lists are merged. Neither is changed. */
export function mergeApplied(live: unknown, applied: unknown, type: Type | undefined): unknown {
  if (applied === undefined) return live;
  const [left, right] = [containerOf(type, live), containerOf(type, applied)];
  if (left === undefined || right === undefined) return applied;
  if (right.kind === "list") {
    return left.kind === "list" ? mergeItems(left.value, right.value, right.list) : applied;
  }
  if (left.kind !== "object") return applied;
  let result: JsonObject | undefined;
  for (const key of Object.keys(right.value)) {
    const before = Object.hasOwn(left.value, key) ? left.value[key] : undefined;
    const after = mergeApplied(before, right.value[key], memberType(type, key));
    if (after === before && before !== undefined) continue;
    result ??= { ...left.value };
    setMember(result, key, after);
  }
  return result ?? live;
}

/**
 * The items of both lists. Those that are applied stand in the applied order. Those that only the live list has keep
 * their place: behind the live neighbour before them, as far as the applied order allows.
 */
function mergeItems(live: readonly unknown[], applied: readonly unknown[], list: KeyedList): unknown[] {
  const elementsOf = (items: readonly unknown[]) => items.map((item, index) => itemElement(list, item, index));
  const [liveElements, appliedElements] = [elementsOf(live), elementsOf(applied)];
  const liveItems = indexList(list, live).items;
  const isApplied = new Set(appliedElements);
  /** The applied elements that the live list has too, in the applied order: where the two lists meet. */
  const meetings = appliedElements.filter((element) => liveItems.has(element));
  const result: unknown[] = [];
  const done = new Set<string>();
  let nextApplied = 0;
  const takeApplied = () => {
    const element = appliedElements[nextApplied]!;
    result.push(mergeApplied(liveItems.get(element), applied[nextApplied++], list.items));
    done.add(element);
    if (meetings[0] === element) meetings.shift();
  };
  for (let index = 0; index < live.length; index++) {
    const element = liveElements[index]!;
    if (!isApplied.has(element)) {
      result.push(live[index]);
      continue;
    }
    if (done.has(element) || element !== meetings[0]) continue;
    // The next meeting: all that is applied before it comes first.
    while (!done.has(element)) takeApplied();
  }
  while (nextApplied < applied.length) takeApplied();
  return result;
}

/** The value without the paths of `removed`; a container that becomes empty by that is null. */
export function removeFields(value: unknown, removed: FieldSet, type: Type | undefined): unknown {
  if (isEmpty(removed)) return value;
  const container = containerOf(type, value);
  if (!container) return value;
  if (container.kind === "list") {
    const kept: unknown[] = [];
    container.value.forEach((item, index) => {
      const taken = childOf(removed, itemElement(container.list, item, index));
      if (!isMember(taken)) kept.push(taken ? removeFields(item, taken, container.list.items) : item);
    });
    return kept.length > 0 ? kept : null;
  }
  let result: JsonObject | undefined;
  for (const key of Object.keys(container.value)) {
    const taken = childOf(removed, fieldElement(key));
    if (taken === undefined) continue;
    result ??= { ...container.value };
    if (isMember(taken)) delete result[key];
    else setMember(result, key, removeFields(container.value[key], taken, memberType(type, key)));
  }
  if (result === undefined) return value;
  return Object.keys(result).length > 0 ? result : null;
}
