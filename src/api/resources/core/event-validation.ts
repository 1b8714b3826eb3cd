import { semanticEqual } from "../../json-equal.ts";
import { checkDnsSubdomain, checkQualifiedName } from "../../names.ts";
import type { FieldError, WriteContext } from "../../resource-definition.ts";
import type { Event } from "../../types/core.v1.ts";
import { invalid, required } from "../field-errors.ts";
import { addProblems, IMMUTABLE } from "../value-checks.ts";

const WORD_LIMIT = 128;
const MESSAGE_LIMIT = 1024;
const TYPES = ["Normal", "Warning"];

/** Whether the event is written as events.k8s.io has it, which is strict; core events are as lax as they have always been. */
const isStrict = ({ requested }: WriteContext): boolean => requested?.group === "events.k8s.io";

/** Events of the old kind need little; those with an `eventTime` are of the new kind, and say who reports them. */
export function validateEvent(event: Event, context: WriteContext): FieldError[] {
  const errors: FieldError[] = [];
  const namespace = event.metadata?.namespace ?? "";
  const subject = event.involvedObject?.namespace ?? "";
  if (!livesWhereItShould(event, namespace, subject)) {
    errors.push(invalid("involvedObject.namespace", subject, "does not match event.namespace"));
  }
  if (event.eventTime) {
    const { reportingComponent = "", message = "" } = event;
    const reporter = isStrict(context) ? "reportingController" : "reportingComponent";
    if (!reportingComponent) errors.push(required(reporter));
    addProblems(checkQualifiedName(reportingComponent), reporter, reportingComponent, errors);
    for (const name of ["reportingInstance", "action", "reason"] as const) {
      const value = event[name] ?? "";
      if (value === "") errors.push(required(name));
      else if (value.length > WORD_LIMIT) {
        errors.push(invalid(name, "", `can have at most ${WORD_LIMIT} characters`));
      }
    }
    if (message.length > MESSAGE_LIMIT) {
      errors.push(invalid("message", "", `can have at most ${MESSAGE_LIMIT} characters`));
    }
  }
  addProblems(checkDnsSubdomain(namespace), "namespace", namespace, errors);
  return errors;
}

/** Events about cluster-wide objects live in the default namespace, those of the new kind in kube-system too. */
function livesWhereItShould({ eventTime }: Event, namespace: string, subject: string): boolean {
  if (eventTime) return subject !== "" || namespace === "default" || namespace === "kube-system";
  return subject === "" ? namespace === "" || namespace === "default" : subject === namespace;
}

export function validateEventCreate(event: Event, context: WriteContext): FieldError[] {
  if (!isStrict(context)) return [];
  const errors = seriesErrors(event);
  if (!event.eventTime) errors.push(required("eventTime"));
  if (!TYPES.includes(event.type ?? "")) errors.push(invalid("type", "", `has invalid value: ${event.type ?? ""}`));
  const unset = (field: string) => errors.push(invalid(field, "", "needs to be unset"));
  if (event.firstTimestamp) unset("firstTimestamp");
  if (event.lastTimestamp) unset("lastTimestamp");
  if (event.count) unset("count");
  if (event.source?.component || event.source?.host) unset("source");
  return errors;
}

const FIXED = [
  "involvedObject",
  "reason",
  "message",
  "source",
  "firstTimestamp",
  "lastTimestamp",
  "count",
  "reason",
  "type",
  "eventTime",
  "action",
  "related",
  "reportingComponent",
  "reportingInstance",
] as const satisfies readonly (keyof Event)[];

/** A text that is empty in one version of the API is absent in the other. */
export function validateEventUpdate(event: Event, old: Event, context: WriteContext): FieldError[] {
  if (!isStrict(context)) return [];
  const errors = isSameSeries(event.series, old.series) ? [] : seriesErrors(event);
  for (const name of FIXED) {
    if (semanticEqual(event[name] || undefined, old[name] || undefined)) continue;
    errors.push(invalid(name === "reportingComponent" ? "reportingController" : name, event[name], IMMUTABLE));
  }
  return errors;
}

/** One version of the API writes zeros that the other leaves out. */
function isSameSeries(a: Event["series"], b: Event["series"]): boolean {
  if (!a || !b) return !a === !b;
  return (a.count ?? 0) === (b.count ?? 0) && (a.lastObservedTime || undefined) === (b.lastObservedTime || undefined);
}

function seriesErrors({ series }: Event): FieldError[] {
  if (!series) return [];
  const errors: FieldError[] = [];
  if ((series.count ?? 0) < 2) errors.push(invalid("series.count", "", "should be at least 2"));
  if (!series.lastObservedTime) errors.push(required("series.lastObservedTime"));
  return errors;
}
