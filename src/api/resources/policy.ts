import { podDisruptionBudgets } from "../resource-types.ts";
import type { PodDisruptionBudget } from "../types/policy.v1.ts";
import { define } from "./define.ts";

export const podDisruptionBudget = define<PodDisruptionBudget>({
  type: podDisruptionBudgets,
  singular: "poddisruptionbudget",
  shortNames: ["pdb"],
  hasStatus: true,
  defaults(budget) {
    budget.spec ??= {};
  },
  prepareForCreate(budget) {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  generation: true,
  unconditionalUpdate: false,
});
