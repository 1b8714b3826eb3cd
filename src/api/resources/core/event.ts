import { ageSince } from "../../age.ts";
import { events } from "../../resource-types.ts";
import type { Event, ObjectReference } from "../../types/core.v1.ts";
import { column, nameColumn, wideColumn } from "../columns.ts";
import { define } from "../define.ts";
import { eventsGroupConversion } from "./event-conversion.ts";
import { validateEvent, validateEventCreate, validateEventUpdate } from "./event-validation.ts";

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
  nameFormat: "path-segment",
  validate: validateEvent,
  validateCreate: validateEventCreate,
  validateUpdate: validateEventUpdate,
  timeToLiveMs: HOUR_MS,
  conversions: { v1: eventsGroupConversion },
  columns: [
    column("Last Seen", "Time since it last happened.", lastSeen),
    column("Type", "Normal or Warning.", (event) => event.type ?? ""),
    column("Reason", "Why it happened, in one word.", (event) => event.reason ?? ""),
    column("Object", "What it happened to.", ({ involvedObject }) => {
      const kind = (involvedObject?.kind ?? "").toLowerCase();
      return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
    }),
    wideColumn(
      "Subobject",
      "Which part of the object it happened to.",
      (event) => event.involvedObject?.fieldPath ?? "",
    ),
    wideColumn("Source", "Who reports it.", ({ source, reportingComponent, reportingInstance }) => {
      const component = source?.component || reportingComponent || "";
      const instance = source?.host || reportingInstance || "";
      return instance ? `${component}, ${instance}` : component;
    }),
    column("Message", "What happened.", (event) => (event.message ?? "").trim()),
    wideColumn("First Seen", "Time since it first happened.", firstSeen),
    wideColumn("Count", "How often it happened.", ({ series, count }) => (series ? (series.count ?? 0) : count || 1)),
    { ...nameColumn, priority: 1 },
  ],
  selectableFields: {
    ...referenceSelectors(),
    reason: (event) => event.reason ?? "",
    reportingComponent: reporter,
    reportingController: reporter,
    source: (event) => event.source?.component || event.reportingComponent || "",
    type: (event) => event.type ?? "",
  },
});

function firstSeen({ firstTimestamp, eventTime }: Event, now: number): string {
  return ageSince(firstTimestamp || eventTime, now);
}

function lastSeen(event: Event, now: number): string {
  if (event.series) return ageSince(event.series.lastObservedTime, now);
  return event.lastTimestamp ? ageSince(event.lastTimestamp, now) : firstSeen(event, now);
}
