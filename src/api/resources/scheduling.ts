import type { FieldError } from "../resource-definition.ts";
import { priorityClasses } from "../resource-types.ts";
import type { PriorityClass } from "../types/scheduling.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { forbidden, invalid } from "./field-errors.ts";
import { IMMUTABLE, validateEnum } from "./value-checks.ts";

/** What users may define; the classes of the system are above. */
const HIGHEST_USER_PRIORITY = 1_000_000_000;
const SYSTEM_PREFIX = "system-";
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  "system-cluster-critical": 2_000_000_000,
  "system-node-critical": 2_000_001_000,
};

export const priorityClass = define<PriorityClass>({
  type: priorityClasses,
  singular: "priorityclass",
  shortNames: ["pc"],
  columns: [
    nameColumn,
    column("Value", "Priority of the pods; more comes first.", ({ value }) => value ?? 0, "integer"),
    column(
      "Global-Default",
      "Whether it is that of pods without a class.",
      ({ globalDefault }) => globalDefault === true,
      "boolean",
    ),
    ageColumn,
    column(
      "PreemptionPolicy",
      "Whether its pods may displace others.",
      ({ preemptionPolicy }) => preemptionPolicy ?? "",
    ),
  ],
  generation: true,
  defaults(priorityClass) {
    priorityClass.value ??= 0;
    priorityClass.preemptionPolicy ??= "PreemptLowerPriority";
  },
  validate: validatePriorityClass,
  validateUpdate(priorityClass, old) {
    const errors: FieldError[] = [];
    if (priorityClass.value !== old.value) errors.push(forbidden("value", "may not be changed in an update."));
    if (priorityClass.preemptionPolicy !== old.preemptionPolicy) {
      errors.push(invalid("preemptionPolicy", priorityClass.preemptionPolicy, IMMUTABLE));
    }
    return errors;
  },
});

function validatePriorityClass({ metadata, value = 0, globalDefault, preemptionPolicy }: PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  const name = metadata?.name ?? "";
  if (name.startsWith(SYSTEM_PREFIX)) {
    const reason = unlikeSystemClass(name, value, globalDefault === true);
    if (reason) {
      const detail = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${reason}`;
      errors.push(forbidden("metadata.name", detail));
    }
  } else if (value > HIGHEST_USER_PRIORITY) {
    const detail = `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`;
    errors.push(forbidden("value", detail));
  }
  if (preemptionPolicy != null) {
    validateEnum(preemptionPolicy, ["Never", "PreemptLowerPriority"], "preemptionPolicy", errors);
  }
  return errors;
}

/** Why this is none of the classes that the system itself makes; undefined where it is one. */
function unlikeSystemClass(name: string, value: number, globalDefault: boolean): string | undefined {
  const expected = SYSTEM_CLASSES[name];
  if (expected === undefined) return `${name} is not a known system priority class`;
  if (value !== expected) return `value of ${name} PriorityClass must be ${expected}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}
