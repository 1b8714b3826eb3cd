import { equal } from "../compare.ts";
import type { Library } from "../functions.ts";
import type { CelList, Value } from "../values.ts";

const has = (list: CelList, wanted: Value): boolean => {
  for (const item of list) if (equal(item, wanted)) return true;
  return false;
};
const contains = (list: CelList, sub: CelList): boolean => [...sub].every((item) => has(list, item));

/** cel-go's sets extension: lists taken for sets. */
export const sets: Library = {
  "sets.contains(list(A), list(A)): bool": contains,
  "sets.equivalent(list(A), list(A)): bool": (a: CelList, b: CelList) => contains(a, b) && contains(b, a),
  "sets.intersects(list(A), list(A)): bool": (a: CelList, b: CelList) => [...a].some((item) => has(b, item)),
};
