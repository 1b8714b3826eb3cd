import { durationText, timestampText } from "./time.ts";
import {
  CelList,
  CelMap,
  Duration,
  keyText,
  LibraryValue,
  ObjectValue,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from "./values.ts";

/** A value as plain JSON: what was bound comes back as it was; an empty optional is undefined. */
export function resultJson(value: Value): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof CelList) return value.json ?? Array.from(value, resultJson);
  if (value instanceof CelMap) {
    if (value.json) return value.json;
    const entries = value instanceof ObjectValue ? value.fields : entriesOf(value);
    // Built so that no key, not even __proto__, is anything but a key.
    return Object.fromEntries([...entries].map(([key, item]) => [key, resultJson(item)]));
  }
  if (value instanceof Uint) return resultJson(value.value);
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  if (value instanceof Optional) return value.value === undefined ? undefined : resultJson(value.value);
  if (value instanceof LibraryValue) return value.toJson();
  return value instanceof TypeValue ? value.name : Buffer.from(value).toString("base64");
}

function* entriesOf(map: CelMap): Iterable<[string, Value]> {
  for (const key of map.keys()) yield [keyText(key), map.get(key)!];
}
