import type { FieldSet } from "./field-set.ts";

/**
 * The set with its elements in the order in which upstream writes them: a "." first, then fields by name, items by their
 * keys, values, and indexes. What is in order already is shared.
 */
export function inElementOrder(set: FieldSet): FieldSet {
  let copy: Record<string, FieldSet> | undefined;
  let sorted = true;
  let last: string | undefined;
  for (const element in set) {
    if (last !== undefined && compareElements(last, element) > 0) sorted = false;
    last = element;
    const before = set[element]!;
    const after = inElementOrder(before);
    if (after === before) continue;
    copy ??= { ...set };
    copy[element] = after;
  }
  const result = copy ?? set;
  if (sorted) return result;
  const entries = Object.entries(result).sort(([a], [b]) => compareElements(a, b));
  return Object.fromEntries(entries);
}

const KINDS = ["f:", "k:", "v:", "i:"];

function compareElements(a: string, b: string): number {
  if (a === ".") return b === "." ? 0 : -1;
  if (b === ".") return 1;
  const kind = a.slice(0, 2);
  if (kind !== b.slice(0, 2)) return KINDS.indexOf(kind) - KINDS.indexOf(b.slice(0, 2));
  if (kind === "f:" || a === b) return compareTexts(a, b);
  if (kind === "i:") return Number(a.slice(2)) - Number(b.slice(2));
  return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Numbers before texts before booleans before lists before objects before null, each by what it holds. */
function compareValues(a: unknown, b: unknown): number {
  const ranks = rankOf(a) - rankOf(b);
  if (ranks !== 0) return ranks;
  if (typeof a === "number") return a - (b as number);
  if (typeof a === "string") return compareTexts(a, b as string);
  if (typeof a === "boolean") return Number(a) - Number(b);
  if (Array.isArray(a)) return compareLists(a, b as unknown[]);
  if (a === null) return 0;
  return compareLists(Object.entries(a as object).flat(), Object.entries(b as object).flat());
}

function rankOf(value: unknown): number {
  if (typeof value === "number") return 0;
  if (typeof value === "string") return 1;
  if (typeof value === "boolean") return 2;
  if (Array.isArray(value)) return 3;
  return value === null ? 5 : 4;
}

function compareLists(a: readonly unknown[], b: readonly unknown[]): number {
  for (const [index, value] of a.entries()) {
    if (index >= b.length) return 1;
    const order = compareValues(value, b[index]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
