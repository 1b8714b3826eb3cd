import type { UnknownObject } from "../../object.ts";
import type { Conversion } from "../../resource-definition.ts";

/** Core field → the field of events.k8s.io that carries the same thing; all others keep their names. */
const RENAMED: readonly (readonly [core: string, events: string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["reportingComponent", "reportingController"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
];
const TO_EVENTS = new Map(RENAMED);
const TO_CORE = new Map(RENAMED.map(([core, events]) => [events, core] as const));

function rename(object: UnknownObject, names: ReadonlyMap<string, string>, apiVersion: string): UnknownObject {
  const result: UnknownObject = {};
  for (const field in object) result[names.get(field) ?? field] = object[field];
  result.apiVersion = apiVersion;
  return result;
}

/** Events are stored as core/v1; events.k8s.io/v1 shows the same objects under other field names. */
export const eventsGroupConversion: Conversion = {
  group: "events.k8s.io",
  toStorage: (object) => rename(object, TO_CORE, "v1"),
  fromStorage: (object) => rename(object, TO_EVENTS, "events.k8s.io/v1"),
};
