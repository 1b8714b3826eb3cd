import { checkDnsLabel } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { runtimeClasses } from "../resource-types.ts";
import type { RuntimeClass } from "../types/node.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { validateResourceRequirements } from "./core/resource-requirements.ts";
import { validateTolerations } from "./core/scheduling-validation.ts";
import { define } from "./define.ts";
import { deprecatedLabel } from "./deprecated-labels.ts";
import { invalid } from "./field-errors.ts";
import { validateLabels } from "./label-checks.ts";
import { canonicalizeList } from "./quantities.ts";
import { addProblems, IMMUTABLE } from "./value-checks.ts";

export const runtimeClass = define<RuntimeClass>({
  warnings({ scheduling }) {
    const messages = Object.keys(scheduling?.nodeSelector ?? {}).map(deprecatedLabel);
    return messages.flatMap((message) => (message ? [`scheduling.nodeSelector: ${message}`] : []));
  },
  type: runtimeClasses,
  singular: "runtimeclass",
  columns: [
    nameColumn,
    column("Handler", "Runtime configuration of the nodes.", ({ handler }) => handler ?? ""),
    ageColumn,
  ],
  unconditionalUpdate: false,
  defaults: ({ overhead }) => canonicalizeList(overhead?.podFixed),
  validate({ handler = "", overhead, scheduling }) {
    const errors: FieldError[] = [];
    addProblems(checkDnsLabel(handler), "handler", handler, errors);
    if (overhead) validateResourceRequirements({ limits: overhead.podFixed }, "overhead", new Set(), errors);
    if (scheduling) {
      validateLabels(scheduling.nodeSelector, "scheduling.nodeSelector", errors);
      validateTolerations(scheduling.tolerations, "scheduling.tolerations", errors);
    }
    return errors;
  },
  validateUpdate({ handler }, old) {
    return handler === old.handler ? [] : [invalid("handler", handler, IMMUTABLE)];
  },
});
