import { isObject } from "../patch/go-format.ts";
import type { Type } from "../schema/schema.ts";
import { EMPTY, type FieldSet, fieldElement, isMember, node, union } from "./field-set.ts";
import { containerOf, indexList, isNamedField, memberType } from "./typed.ts";

/**
 * The fields that a value specifies, as an applied configuration owns them: each leaf, each list item, and each entry of a
 * map; a struct or list only through what is in it, but for an empty object.
 */
export function ownedFields(value: unknown, type: Type | undefined): FieldSet {
  const container = containerOf(type, value);
  if (!container) return EMPTY;
  const set: Record<string, FieldSet> = {};
  if (container.kind === "list") {
    for (const [element, item] of indexList(container.list, container.value).items) {
      set[element] = node(true, ownedFields(item, container.list.items))!;
    }
    return set;
  }
  for (const key of Object.keys(container.value)) {
    const member = container.value[key];
    const below = memberType(type, key);
    const inner = containerOf(below, member);
    const empty = member === null || (isObject(member) && Object.keys(member).length === 0);
    const own = inner === undefined || empty || !isNamedField(type, key);
    const made = node(own, ownedFields(member, below));
    if (made) set[fieldElement(key)] = made;
  }
  return set;
}

/**
 * The set with the structs on the way to its members as members too: owning `.spec.replicas` includes owning `.spec` for
 * the question of what may be removed, but owning `.metadata.labels.app` does not include the map of labels.
 */
export function withNamedFields(set: FieldSet, type: Type | undefined): FieldSet {
  let result: Record<string, FieldSet> | undefined;
  for (const element of Object.keys(set)) {
    if (element === ".") continue;
    const below = set[element]!;
    let inner: Type | undefined;
    let named = false;
    if (element.startsWith("f:")) {
      const name = element.slice(2);
      inner = memberType(type, name);
      named = isNamedField(type, name);
    } else if (type?.kind === "list") inner = type.items;
    let changed = withNamedFields(below, inner);
    if (named && !isMember(below)) changed = union(changed, { ".": EMPTY });
    if (changed === below) continue;
    result ??= { ...set };
    result[element] = changed;
  }
  return result ?? set;
}
