import { podDisruptionBudgets } from "../resource-types.ts";
import type { PodDisruptionBudget } from "../types/policy.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";

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
});
