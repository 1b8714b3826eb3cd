/** JSON Merge Patch (RFC 7386), as upstream's library applies it. */
import { setMember } from "../codec/json-text.ts";
import { isObject, type JsonObject } from "./go-format.ts";

/** The merged object; `live` is not changed and shares its unpatched parts. */
export function mergePatch(live: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...live };
  for (const [key, value] of Object.entries(patch)) {
    const current = Object.hasOwn(live, key) ? live[key] : undefined;
    if (value === null) delete result[key];
    else if (isObject(current)) setMember(result, key, isObject(value) ? mergePatch(current, value) : value);
    else setMember(result, key, withoutNulls(value));
  }
  return result;
}

/** What is new, or takes the place of something other than an object, has no nulls in its objects. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(kept.map(([key, member]) => [key, withoutNulls(member)]));
}
