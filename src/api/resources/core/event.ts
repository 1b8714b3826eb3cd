import { events } from "../../resource-types.ts";
import type { Event, ObjectReference } from "../../types/core.v1.ts";
import { define } from "../define.ts";
import { eventsGroupConversion } from "./event-conversion.ts";

const HOUR_MS = 3_600_000;

const REFERENCE_FIELDS = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"] as const;

/** `involvedObject.*`, and the same under the name that events.k8s.io gives it. */
function referenceSelectors(): Record<string, (event: Event) => string> {
  const selectors: Record<string, (event: Event) => string> = {};
  for (const name of REFERENCE_FIELDS) {
    const read = (event: Event): string => ((event.involvedObject ?? {}) as ObjectReference)[name] ?? "";
    selectors[`involvedObject.${name}`] = read;
    selectors[`regarding.${name}`] = read;
  }
  return selectors;
}

const reporter = (event: Event): string => event.reportingComponent ?? "";

export const event = define<Event>({
  type: events,
  singular: "event",
  shortNames: ["ev"],
  createOnUpdate: true,
  timeToLiveMs: HOUR_MS,
  conversions: { v1: eventsGroupConversion },
  selectableFields: {
    ...referenceSelectors(),
    reason: (event) => event.reason ?? "",
    reportingComponent: reporter,
    reportingController: reporter,
    source: (event) => event.source?.component || event.reportingComponent || "",
    type: (event) => event.type ?? "",
  },
});
