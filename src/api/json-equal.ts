/** Deep equality of JSON values. An absent property and one that is `undefined` are the same; the order of keys is not compared. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  return a === b || equal(a, b, false);
}

/**
 * As `jsonEqual`, and an absent property equals null, an empty list and an empty object: what upstream's semantic
 * comparison does for lists and maps. (It tells an empty struct behind a pointer from an absent one; JSON alone cannot.)
 */
export function semanticEqual(a: unknown, b: unknown): boolean {
  return a === b || equal(a, b, true);
}

function equal(a: unknown, b: unknown, semantic: boolean): boolean {
  if (a === b) return true;
  if (semantic && isEmpty(a) && isEmpty(b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let index = 0; index < a.length; index++) if (!equal(a[index], b[index], semantic)) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) {
    const value = left[key];
    const other = Object.hasOwn(right, key) ? right[key] : undefined;
    if (value !== other && !equal(value, other, semantic)) return false;
  }
  for (const key in right) {
    const value = right[key];
    if (value === undefined || (Object.hasOwn(left, key) && left[key] !== undefined)) continue;
    if (!(semantic && isEmpty(value))) return false;
  }
  return true;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== "object") return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value) if (!isEmpty((value as Record<string, unknown>)[key])) return false;
  return true;
}
