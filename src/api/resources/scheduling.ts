import { priorityClasses } from "../resource-types.ts";
import type { PriorityClass } from "../types/scheduling.v1.ts";
import { define } from "./define.ts";

export const priorityClass = define<PriorityClass>({
  type: priorityClasses,
  singular: "priorityclass",
  shortNames: ["pc"],
  generation: true,
  defaults(priorityClass) {
    priorityClass.value ??= 0;
    priorityClass.preemptionPolicy ??= "PreemptLowerPriority";
  },
});
