import { priorityClasses } from "../resource-types.ts";
import type { PriorityClass } from "../types/scheduling.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";

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
});
