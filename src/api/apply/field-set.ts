/**
 * Sets of field paths, in the very form in which managed fields are stored (FieldsV1), so that nothing is converted on the
 * way. A set is an object of path elements; what an element holds is the set of paths below it, and a "." in there says
 * that the element itself is a member too. An element that holds nothing is a member by itself:
 *
 *     {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:replicas": {}}}
 *
 * has the members .metadata.labels, .metadata.labels.app and .spec.replicas. Elements are `f:` and a field's name, `k:` and
 * the keys of a list item as JSON, `v:` and an item of a set as JSON, or `i:` and an index. Sets are never changed, and
 * results share what they can with their operands.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export const EMPTY: FieldSet = Object.freeze({});
/** A node without children: its element is a member. */
const LEAF = EMPTY;

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the element that holds `node` is a member. */
export const isMember = (node: FieldSet | undefined): boolean =>
  node !== undefined && (Object.hasOwn(node, ".") || isEmpty(node));

export const childOf = (set: FieldSet, element: string): FieldSet | undefined =>
  Object.hasOwn(set, element) ? set[element] : undefined;

/** The node of an element; undefined where it is no member and has nothing below. */
export function node(member: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmpty(children)) return member ? LEAF : undefined;
  return member ? { ".": LEAF, ...children } : children;
}

/** The elements below a node, without its own mark. */
export function childrenOf(parent: FieldSet): FieldSet {
  if (!Object.hasOwn(parent, ".")) return parent;
  const { ".": _, ...children } = parent;
  return children;
}

/** Everything in either. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  let result: Record<string, FieldSet> | undefined;
  for (const element in b) {
    const right = b[element]!;
    const left = childOf(a, element);
    const merged = left === undefined ? right : unionNode(left, right);
    if (merged === left) continue;
    result ??= { ...a };
    result[element] = merged;
  }
  return result ?? a;
}

function unionNode(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const before = childrenOf(a);
  const children = union(before, childrenOf(b));
  const member = isMember(a) || isMember(b);
  return children === before && member === isMember(a) ? a : node(member, children)!;
}

/** What is in `a` and not in `b`; a member of `b` takes away itself only, not what is below it. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA && !inB, difference, true);
}

/** What is in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA && inB, intersection, false);
}

/** As `difference`, but a member of `b` also takes away all that is below it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  let result: Record<string, FieldSet> | undefined;
  for (const element in a) {
    const taken = childOf(b, element);
    if (taken === undefined || element === ".") continue;
    const left = isMember(taken) ? undefined : keepNode(a[element]!, (below) => recursiveDifference(below, taken));
    if (left === a[element]) continue;
    result ??= { ...a };
    if (left === undefined) delete result[element];
    else result[element] = left;
  }
  return result ?? a;
}

function keepNode(own: FieldSet, change: (children: FieldSet) => FieldSet): FieldSet | undefined {
  const children = childrenOf(own);
  const changed = change(children);
  return changed === children ? own : node(isMember(own), changed);
}

/** Keeps of `a` what `keep` says; `loners` tells whether elements that `b` lacks stay. */
function combine(
  a: FieldSet,
  b: FieldSet,
  keep: (inA: boolean, inB: boolean) => boolean,
  below: (a: FieldSet, b: FieldSet) => FieldSet,
  loners: boolean,
): FieldSet {
  if (isEmpty(a)) return a;
  if (isEmpty(b)) return loners ? a : EMPTY;
  /** Made when something is to be left out or changed; taking it out of a copy would make a slow object. */
  let result: Record<string, FieldSet> | undefined;
  for (const element in a) {
    const left = a[element]!;
    if (element === ".") {
      if (result) result[element] = left;
      continue;
    }
    const right = childOf(b, element);
    let kept: FieldSet | undefined = left;
    if (right === undefined) kept = loners ? left : undefined;
    else {
      const children = childrenOf(left);
      const keptChildren = below(children, childrenOf(right));
      const member = keep(isMember(left), isMember(right));
      if (member !== isMember(left) || keptChildren !== children) kept = node(member, keptChildren);
    }
    if (kept !== left) result ??= elementsBefore(a, element);
    if (result && kept !== undefined) result[element] = kept;
  }
  return result ?? a;
}

function elementsBefore(set: FieldSet, end: string): Record<string, FieldSet> {
  const result: Record<string, FieldSet> = {};
  for (const element in set) {
    if (element === end) break;
    result[element] = set[element]!;
  }
  return result;
}

/** Whether both have the same members. */
export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return a === b || (isEmpty(difference(a, b)) && isEmpty(difference(b, a)));
}

/** The set with one path. */
export function setOfPath(elements: readonly string[]): FieldSet {
  return elements.reduceRight<FieldSet>((below, element) => ({ [element]: below }), LEAF);
}

/** The members as paths of elements: those of a level first, then those below it. */
export function* pathsOf(set: FieldSet, prefix: readonly string[] = []): Generator<string[]> {
  const elements = Object.keys(set)
    .filter((element) => element !== ".")
    .sort();
  for (const element of elements) if (isMember(set[element])) yield [...prefix, element];
  for (const element of elements) yield* pathsOf(set[element]!, [...prefix, element]);
}

/** A path as upstream prints it: `.spec.containers[name="a"].image`. */
export function formatPath(path: readonly string[]): string {
  return path.map(formatElement).join("");
}

/** One element as upstream prints it. */
export function formatElement(element: string): string {
  const rest = element.slice(2);
  switch (element.slice(0, 2)) {
    case "f:":
      return `.${rest}`;
    case "k:": {
      const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
    }
    case "v:":
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}

export const fieldElement = (name: string): string => `f:${name}`;
export const valueElement = (value: unknown): string => `v:${JSON.stringify(value)}`;

/** The element of a list item by its keys, which are put in order. */
export function keyElement(keys: Readonly<Record<string, unknown>>): string {
  const sorted: Record<string, unknown> = {};
  for (const key of Object.keys(keys).sort()) sorted[key] = keys[key];
  return `k:${JSON.stringify(sorted)}`;
}

/**
 * A set that came from outside, in the canonical spelling of its elements. Throws a TypeError for what is no set, with
 * upstream's explanation.
 */
export function parseFieldSet(value: unknown): FieldSet {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError("error parsing as fields: expected an object");
  }
  const result: Record<string, FieldSet> = {};
  for (const [element, below] of Object.entries(value)) {
    if (element === ".") result[element] = LEAF;
    else result[canonicalElement(element)] = parseFieldSet(below);
  }
  return result;
}

function canonicalElement(element: string): string {
  const rest = element.slice(2);
  try {
    switch (element.slice(0, 2)) {
      case "f:":
        return element;
      case "v:":
        return valueElement(JSON.parse(rest));
      case "k:":
        return keyElement(JSON.parse(rest) as Record<string, unknown>);
      case "i:":
        if (/^-?\d+$/.test(rest)) return element;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new TypeError(`error parsing path element ${JSON.stringify(element)}`);
}
