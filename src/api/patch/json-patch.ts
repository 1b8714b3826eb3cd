/** JSON Patch (RFC 6902) in the dialect of upstream's library: also negative indices, counted from the end. */
import { setMember } from "../codec/json-text.ts";
import { isTooDeep, TOO_DEEP } from "../codec/nesting.ts";
import { jsonEqual } from "../json-equal.ts";
import { isObject, type JsonObject } from "./go-format.ts";

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** An operation that does not apply. */
export class JsonPatchError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "JsonPatchError";
  }
}

/** Upstream's limit on what the copy operations of one patch add up to, in bytes of JSON. */
const MOST_COPIED_BYTES = 3 * 1024 * 1024;

type Container = JsonObject | unknown[];

/** The document after the operations; `document` is not changed. Throws JsonPatchError where one does not apply. */
export function jsonPatch(document: unknown, operations: readonly Operation[]): unknown {
  let root = document;
  // Containers made by this patch, which may be changed in place.
  const own = new WeakSet<object>();
  const copies = { bytes: 0 };
  for (const operation of operations) root = apply(root, operation, own, copies);
  if (isTooDeep(root)) throw failed(TOO_DEEP);
  return root;
}

function apply(
  root: unknown,
  { op, path, from, value }: Operation,
  own: WeakSet<object>,
  copies: { bytes: number },
): unknown {
  switch (op) {
    case "add":
      return add(root, path, value ?? null, own);
    case "remove":
      return remove(root, path, own).root;
    case "replace": {
      if (path === "") {
        if (typeof value !== "object" || value === null)
          throw failed("replace operation value must be object or array");
        return value;
      }
      return set(root, path, value ?? null, own);
    }
    case "move": {
      const removed = remove(root, requireFrom(from), own);
      return add(removed.root, path, removed.value, own);
    }
    case "copy":
      return add(root, path, copyOf(read(root, requireFrom(from), "copy operation"), copies), own);
    case "test": {
      const found = path === "" ? root : read(root, path, "test operation");
      if (!jsonEqual(found ?? null, value ?? null)) throw failed(`testing value ${path} failed: test failed`);
      return root;
    }
    default:
      throw failed(`Unexpected kind: ${op}`);
  }
}

/** A private copy. Without a bound, a few copies of the document into itself would fill the memory. */
function copyOf(value: unknown, copies: { bytes: number }): unknown {
  if (isTooDeep(value)) throw failed(TOO_DEEP);
  const text = JSON.stringify(value ?? null);
  copies.bytes += Buffer.byteLength(text);
  if (copies.bytes > MOST_COPIED_BYTES) {
    throw failed(
      `Unable to complete the copy, the accumulated size increase of copy is ${copies.bytes}, exceeding the limit ${MOST_COPIED_BYTES}`,
    );
  }
  return JSON.parse(text);
}

function requireFrom(from: string | undefined): string {
  if (from === undefined) throw failed("operation, missing from field: missing value");
  return from;
}

/** The value at `path`. A missing member of an object is null to upstream; a missing item or parent is an error. */
function read(root: unknown, path: string, what: string): unknown {
  const { parent, key } = locate(root, path, what);
  if (Array.isArray(parent)) return parent[readIndex(parent, key)];
  return Object.hasOwn(parent, key) ? parent[key] : null;
}

function add(root: unknown, path: string, value: unknown, own: WeakSet<object>): unknown {
  if (path === "") throw failed("add operation does not apply: doc is missing path: missing value");
  return change(root, path, "add operation", own, (parent, key) => {
    if (!Array.isArray(parent)) setMember(parent, key, value);
    else if (key === "-") parent.push(value);
    else {
      const index = parseIndex(key);
      // One place more than there are items: the end counts too.
      if (index > parent.length || index < -(parent.length + 1)) throw badIndex(index);
      parent.splice(index < 0 ? index + parent.length + 1 : index, 0, value);
    }
  });
}

function set(root: unknown, path: string, value: unknown, own: WeakSet<object>): unknown {
  return change(root, path, "replace operation", own, (parent, key) => {
    if (Array.isArray(parent)) parent[readIndex(parent, key)] = value;
    else setMember(parent, key, value);
  });
}

function remove(root: unknown, path: string, own: WeakSet<object>): { root: unknown; value: unknown } {
  let value: unknown;
  const changed = change(root, path, "remove operation", own, (parent, key) => {
    if (Array.isArray(parent)) {
      [value] = parent.splice(readIndex(parent, key), 1);
      return;
    }
    if (!Object.hasOwn(parent, key)) throw failed(`Unable to remove nonexistent key: ${key}: missing value`);
    value = parent[key];
    delete parent[key];
  });
  return { root: changed, value };
}

/** Changes the container that holds the last step of `path`; containers on the way are copied unless they are `own`. */
function change(
  root: unknown,
  path: string,
  what: string,
  own: WeakSet<object>,
  edit: (parent: Container, key: string) => void,
): unknown {
  locate(root, path, what);
  const steps = parsePath(path);
  const last = steps.pop()!;
  const copied = copyUnlessOwn(root as Container, own);
  let parent = copied;
  for (const step of steps) {
    const child = copyUnlessOwn(childOf(parent, step) as Container, own);
    if (Array.isArray(parent)) parent[readIndex(parent, step)] = child;
    else parent[step] = child;
    parent = child;
  }
  edit(parent, last);
  return copied;
}

function copyUnlessOwn(container: Container, own: WeakSet<object>): Container {
  if (own.has(container)) return container;
  const copy = Array.isArray(container) ? [...container] : { ...container };
  own.add(copy);
  return copy;
}

/** The container of the last step, and that step. */
function locate(root: unknown, path: string, what: string): { parent: Container; key: string } {
  const steps = parsePath(path);
  const key = steps.pop();
  let parent: unknown = root;
  for (const step of steps) parent = isContainer(parent) ? childOf(parent, step) : undefined;
  if (key === undefined || !isContainer(parent)) {
    throw failed(`${what} does not apply: doc is missing path: "${path}": missing value`);
  }
  return { parent, key };
}

function childOf(parent: Container, step: string): unknown {
  if (!Array.isArray(parent)) return Object.hasOwn(parent, step) ? parent[step] : undefined;
  const index = Number(step);
  return /^[-+]?\d+$/.test(step) ? parent[index < 0 ? index + parent.length : index] : undefined;
}

const isContainer = (value: unknown): value is Container => isObject(value) || Array.isArray(value);

/** The steps of a JSON pointer; whatever stands before the first slash is not looked at. */
function parsePath(path: string): string[] {
  return path
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function parseIndex(key: string): number {
  if (!/^[-+]?\d+$/.test(key)) {
    throw failed(
      `value was not a proper array index: '${key}': strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`,
    );
  }
  return Number(key);
}

/** The index of an item that is there. */
function readIndex(array: readonly unknown[], key: string): number {
  const index = parseIndex(key);
  if (index >= array.length || index < -array.length) throw badIndex(index);
  return index < 0 ? index + array.length : index;
}

const failed = (message: string) => new JsonPatchError(message);
const badIndex = (index: number) => failed(`Unable to access invalid index: ${index}: invalid index referenced`);
