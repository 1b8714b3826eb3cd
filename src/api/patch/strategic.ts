/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are keyed or sets, and takes directives.
 * See https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/ and the design document
 * "strategic merge patch". Order within lists follows upstream: `$setElementOrder/list` where given, else the patch's
 * order for what it names and the live order for the rest.
 */
import type { StructType, Type } from "../schema/schema.ts";
import { goString, isObject, type JsonObject } from "./go-format.ts";

/** The patch cannot be applied. `kind` tells how upstream answers. */
export class StrategicPatchError extends Error {
  readonly kind: "malformed" | "unprocessable" | "internal";
  constructor(kind: StrategicPatchError["kind"], message: string) {
    super(message);
    this.name = "StrategicPatchError";
    this.kind = kind;
  }
}

const DIRECTIVE = "$patch";
const RETAIN = "$retainKeys";
const ORDER = "$setElementOrder/";
const DELETE = "$deleteFromPrimitiveList/";

/** The patched object; `live` is not changed and shares its unpatched parts. Throws StrategicPatchError. */
export function strategicMergePatch(live: JsonObject, patch: JsonObject, schema: StructType): JsonObject {
  return mergeMap(live, patch, schema);
}

interface Member {
  readonly type: Type | undefined;
  /** `merge`, `retainKeys`, both or neither. */
  readonly strategy: string;
  readonly mergeKey: string;
}

function memberOf(type: Type | undefined, key: string): Member {
  if (type?.kind === "struct") {
    const field = type.fields.get(key);
    if (field) return { type: field.type, strategy: field.patchStrategy, mergeKey: field.patchMergeKey };
    const name = type.name.slice(type.name.lastIndexOf(".") + 1);
    const path = JSON.stringify(key);
    throw internal(`unable to find api field in struct ${name} for the json field ${path}`);
  }
  return { type: type?.kind === "map" ? type.values : undefined, strategy: "", mergeKey: "" };
}

function mergeMap(live: JsonObject, givenPatch: JsonObject, type: Type | undefined): JsonObject {
  let patch = givenPatch;
  if (Object.hasOwn(patch, DIRECTIVE)) {
    const { [DIRECTIVE]: directive, ...rest } = patch;
    if (directive === "replace") return rest;
    if (directive === "delete") return {};
    throw badDirective(directive, patch);
  }
  const result: JsonObject = { ...live };
  if (Object.hasOwn(patch, RETAIN)) patch = retainKeys(result, patch);
  const merged = mergeOrderedLists(result, patch, type);

  for (const [key, value] of Object.entries(patch)) {
    if (merged.has(key)) continue;
    if (key.startsWith(DELETE)) {
      deleteFromList(result, key.slice(DELETE.length), value);
      continue;
    }
    if (value === null) {
      delete result[key];
      continue;
    }
    const current = Object.hasOwn(result, key) ? result[key] : undefined;
    if (isObject(current) && isObject(value)) {
      const { type: memberType, strategy } = memberOf(type, key);
      result[key] = has(strategy, "replace") ? value : mergeMap(current, value, memberType);
    } else if (Array.isArray(current) && Array.isArray(value)) {
      const member = memberOf(type, key);
      result[key] = has(member.strategy, "merge") ? mergeList(current, value, member).items : value;
    } else if (isObject(value) && Object.hasOwn(value, DIRECTIVE)) {
      delete result[key];
    } else {
      result[key] = withoutDirectives(withoutNulls(value));
    }
  }
  return result;
}

const has = (strategy: string, word: string) => strategy.split(",").includes(word);

/** Drops what `$retainKeys` does not name from `result`; gives the patch without the directive. */
function retainKeys(result: JsonObject, patch: JsonObject): JsonObject {
  const { [RETAIN]: retained, ...rest } = patch;
  if (!Array.isArray(retained)) throw malformed("invalid patch format of retainKeys");
  for (const key of Object.keys(rest)) {
    if (key.startsWith(DELETE) || key.startsWith(ORDER)) continue;
    if (!retained.includes(key)) throw malformed("invalid patch format of retainKeys");
  }
  for (const key of Object.keys(result)) if (!retained.includes(key)) delete result[key];
  return rest;
}

/** Merges each list that the patch gives an order for; returns the keys of the patch that are done with. */
function mergeOrderedLists(result: JsonObject, patch: JsonObject, type: Type | undefined): Set<string> {
  const done = new Set<string>();
  for (const orderKey of Object.keys(patch)) {
    if (!orderKey.startsWith(ORDER)) continue;
    const key = orderKey.slice(ORDER.length);
    const order = patch[orderKey];
    const [inLive, inPatch] = [Object.hasOwn(result, key), Object.hasOwn(patch, key)];
    done.add(orderKey);
    if (!inLive && !inPatch) continue;
    const live: unknown = inLive ? result[key] : [];
    const given: unknown = inPatch ? patch[key] : [];
    const member = memberOf(type, key);
    for (const list of [order, live, given]) if (!Array.isArray(list)) throw wrongKind("[]interface {}", list);
    checkOrder(given as unknown[], order as unknown[], member.mergeKey);
    let merged: ListMerge = { items: live as unknown[], liveOrder: live as unknown[] };
    if (inLive && inPatch) {
      merged = has(member.strategy, "merge")
        ? mergeList(live as unknown[], given as unknown[], member)
        : { ...merged, items: given as unknown[] };
    } else if (inPatch) merged = { items: withoutDirectives(given) as unknown[], liveOrder: [] };
    result[key] = arrange(merged.items, order as unknown[], merged.liveOrder, member.mergeKey);
    done.add(key);
  }
  return done;
}

/** The patch's items must stand in the order that it demands. */
function checkOrder(list: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  if (list.length === 0) return;
  const items = mergeKey === "" ? list : list.filter((item) => !(isObject(item) && item[DIRECTIVE] === "delete"));
  let at = 0;
  for (let next = 0; at < items.length && next < order.length; ) {
    const item = items[at];
    if (isObject(item) && Object.hasOwn(item, DIRECTIVE)) at++;
    else if (identity(item, mergeKey) === identity(order[next++], mergeKey)) at++;
  }
  if (at < items.length) {
    throw internal(
      `The order in patch list:\n${goString(list)}\n doesn't match $setElementOrder list:\n${goString(order)}\n`,
    );
  }
}

function deleteFromList(result: JsonObject, key: string, gone: unknown): void {
  if (!Object.hasOwn(result, key)) return;
  const list = result[key];
  if (!Array.isArray(list) || !Array.isArray(gone)) {
    if (Array.isArray(list) !== Array.isArray(gone)) return;
    throw malformed("invalid patch format of primitive list");
  }
  const values = new Set(gone.map((value) => goString(value)));
  result[key] = list.filter((value) => !values.has(goString(value)));
}

interface ListMerge {
  readonly items: readonly unknown[];
  /**
   * The live order that `$setElementOrder` refers to. Upstream deletes in place, and items that the patch adds take the
   * places of deleted ones at the end of the live list: only then do they come after the items that the order omits.
   */
  readonly liveOrder: readonly unknown[];
}

function mergeList(live: readonly unknown[], patch: readonly unknown[], { type, mergeKey }: Member): ListMerge {
  if (live.length === 0 && patch.length === 0) return { items: [], liveOrder: [] };
  checkElements(live, patch);
  if (!isObject(patch[0] ?? live[0])) {
    const merged = [...new Map([...live, ...patch].map((value) => [goString(value), value])).values()];
    return { items: arrange(merged, patch, live, ""), liveOrder: live };
  }
  const itemType = type?.kind === "list" ? type.items : undefined;
  if (mergeKey === "") {
    const name = itemType?.kind === "struct" ? itemType.name.slice(itemType.name.lastIndexOf(".") + 1) : "";
    throw internal(`cannot merge lists without merge key for ${name}`);
  }
  let merged = [...live] as JsonObject[];
  const named: JsonObject[] = [];
  let replace = false;
  for (const item of patch as readonly JsonObject[]) {
    if (!Object.hasOwn(item, DIRECTIVE)) {
      named.push(item);
      continue;
    }
    const directive = item[DIRECTIVE];
    if (directive === "delete") {
      const key = identity(item, mergeKey);
      merged = merged.filter((one) => identity(one, mergeKey) !== key);
    } else if (directive === "replace") replace = true;
    else if (directive === "merge") throw internal("merging lists cannot yet be specified in the patch");
    else throw badDirective(directive, item);
  }
  if (replace) return { items: named, liveOrder: live };
  for (const item of named) {
    const key = identity(item, mergeKey);
    const at = merged.findIndex((one) => identity(one, mergeKey) === key);
    if (at < 0) merged.push(item);
    else merged[at] = mergeMap(merged[at]!, item, itemType);
  }
  return { items: arrange(merged, named, live, mergeKey), liveOrder: merged.slice(0, live.length) };
}

function checkElements(...lists: readonly (readonly unknown[])[]): void {
  let first: string | undefined;
  for (const item of lists.flat(1)) {
    const kind = Array.isArray(item) ? "list" : typeof item;
    first ??= kind;
    if (kind !== first) {
      throw internal(`list element types are not identical: ${goString(lists)}`);
    }
  }
  if (first === "list") throw new StrategicPatchError("unprocessable", "lists of lists are not supported");
}

/**
 * Puts `items` in order: those that `order` names stand as there, the others as in `live`; where the live list tells
 * nothing about two of them, the named one comes first.
 */
function arrange(
  items: readonly unknown[],
  order: readonly unknown[],
  live: readonly unknown[],
  mergeKey: string,
): unknown[] {
  const key = (item: unknown) => identity(item, mergeKey);
  const positions = (list: readonly unknown[]) => {
    const map = new Map<string, number>();
    list.forEach((item, index) => {
      if (!map.has(key(item))) map.set(key(item), index);
    });
    return map;
  };
  const wanted = positions(order);
  const before = positions(live);
  const by = (map: Map<string, number>) => (a: unknown, b: unknown) =>
    (map.get(key(a)) ?? Number.MAX_SAFE_INTEGER) - (map.get(key(b)) ?? Number.MAX_SAFE_INTEGER);
  const named = items.filter((item) => wanted.has(key(item))).sort(by(wanted));
  const others = items.filter((item) => !wanted.has(key(item))).sort(by(before));
  const result: unknown[] = [];
  let left = 0;
  let right = 0;
  while (left < named.length && right < others.length) {
    const a = before.get(key(named[left]));
    const b = before.get(key(others[right]));
    result.push(a === undefined || b === undefined || a < b ? named[left++] : others[right++]);
  }
  return [...result, ...named.slice(left), ...others.slice(right)];
}

/** What tells an item apart: the value of the merge key, or the item itself. */
function identity(item: unknown, mergeKey: string): string {
  if (mergeKey === "") return goString(item);
  if (!isObject(item)) throw wrongKind("map[string]interface {}", item);
  if (!Object.hasOwn(item, mergeKey)) {
    throw internal(`map: ${goString(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return goString(item[mergeKey]);
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(kept.map(([key, member]) => [key, withoutNulls(member)]));
}

/** What a patch adds where nothing was: without the objects that carry a directive. */
function withoutDirectives(value: unknown): unknown {
  const dropped = (member: unknown) => isObject(member) && Object.hasOwn(member, DIRECTIVE);
  if (Array.isArray(value)) return value.filter((item) => !dropped(item)).map(withoutDirectives);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, member]) => !dropped(member));
  return Object.fromEntries(kept.map(([key, member]) => [key, withoutDirectives(member)]));
}

const internal = (message: string) => new StrategicPatchError("internal", message);
const malformed = (message: string) => new StrategicPatchError("malformed", message);
const badDirective = (directive: unknown, map: unknown) =>
  internal(
    `unknown patch type: ${typeof directive === "string" ? directive : goString(directive)} in map: ${goString(map)}`,
  );

function wrongKind(expected: string, value: unknown): StrategicPatchError {
  const kinds = isObject(value) ? "map[string]interface {}" : Array.isArray(value) ? "[]interface {}" : typeof value;
  return internal(`expected a ${expected}, but received a ${value === null ? "nil" : kinds}`);
}
