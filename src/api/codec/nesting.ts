/**
 * How deep objects and lists may lie in one another. Everything that walks a value recurses, and a stack of Node's usual
 * size ends between 4,000 and 6,000 levels of a POST. Upstream's readers allow 10,000.
 */
export const NESTING_LIMIT = 1000;

/** What upstream's readers say of a deeper value. */
export const TOO_DEEP = "exceeded max depth";

/** Whether a value lies deeper than the limit; walks no further than that. */
export function isTooDeep(value: unknown, levels = NESTING_LIMIT): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isTooDeep(item, levels - 1));
  for (const key in value) if (isTooDeep((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}
