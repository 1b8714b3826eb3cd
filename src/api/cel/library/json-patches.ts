import type { Library } from "../functions.ts";

/** What mutations have in addition: escaping of keys in JSON pointers. */
export const jsonPatches: Library = {
  "jsonpatch.escapeKey(string): string": (key: string) => key.replaceAll("~", "~0").replaceAll("/", "~1"),
};
