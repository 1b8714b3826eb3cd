import type { FieldError } from "../resource-definition.ts";
import { podDisruptionBudgets } from "../resource-types.ts";
import type { PodDisruptionBudget } from "../types/policy.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { validateConditions } from "./condition-checks.ts";
import { define } from "./define.ts";
import { invalid } from "./field-errors.ts";
import { validateLabelSelector } from "./label-checks.ts";
import {
  validateNonNegative,
  validateNonNegativeIntOrPercent,
  validateNotOver100Percent,
  validateOptionalEnum,
} from "./value-checks.ts";

export const podDisruptionBudget = define<PodDisruptionBudget>({
  type: podDisruptionBudgets,
  singular: "poddisruptionbudget",
  shortNames: ["pdb"],
  hasStatus: true,
  columns: [
    nameColumn,
    column("Min Available", "The minimum number of pods that must be available.", ({ spec }) =>
      String(spec?.minAvailable ?? "N/A"),
    ),
    column("Max Unavailable", "The maximum number of pods that may be unavailable.", ({ spec }) =>
      String(spec?.maxUnavailable ?? "N/A"),
    ),
    column(
      "Allowed Disruptions",
      "Calculated number of pods that may be disrupted at this time.",
      ({ status }) => status?.disruptionsAllowed ?? 0,
      "integer",
    ),
    ageColumn,
  ],
  defaults(budget) {
    budget.spec ??= {};
  },
  prepareForCreate(budget) {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  generation: true,
  unconditionalUpdate: false,
  validate({ spec = {} }) {
    const errors: FieldError[] = [];
    if (spec.minAvailable != null && spec.maxUnavailable != null) {
      errors.push(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
    }
    for (const name of ["minAvailable", "maxUnavailable"] as const) {
      validateNonNegativeIntOrPercent(spec[name], `spec.${name}`, errors);
      validateNotOver100Percent(spec[name], `spec.${name}`, errors);
    }
    validateLabelSelector(spec.selector, "spec.selector", errors);
    const evictions = ["AlwaysAllow", "IfHealthyBudget"];
    validateOptionalEnum(spec.unhealthyPodEvictionPolicy, evictions, "spec.unhealthyPodEvictionPolicy", errors);
    return errors;
  },
  validateStatusUpdate({ status }) {
    const errors = validateConditions(status?.conditions, "status.conditions");
    for (const name of ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] as const) {
      validateNonNegative(status?.[name], `status.${name}`, errors);
    }
    return errors;
  },
});
