import type { Library } from "../functions.ts";
import { regex } from "../regex.ts";
import { type CelList, Fault, ListValue } from "../values.ts";

/** What takes a quarter of a second is enough: upstream's reckoning of costs takes finds for cheap. */
const MAX_FOUND = 100_000;

/** `limit` below 0: all of them. */
function findAll(text: string, pattern: string, limit = -1n): CelList {
  const matcher = regex(pattern).matcher(text);
  const found: string[] = [];
  while ((limit < 0n || BigInt(found.length) < limit) && matcher.find()) {
    if (found.length === MAX_FOUND) throw new Fault(`more than ${MAX_FOUND} matches`);
    found.push(matcher.group() ?? "");
  }
  return new ListValue(found);
}

/** Kubernetes' regex library. */
export const regexes: Library = {
  "string -> find(string): string": (text: string, pattern: string) => {
    const matcher = regex(pattern).matcher(text);
    return matcher.find() ? (matcher.group() ?? "") : "";
  },
  "string -> findAll(string): list(string)": (text: string, pattern: string) => findAll(text, pattern),
  "string -> findAll(string, int): list(string)": findAll,
};
