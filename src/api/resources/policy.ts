import { podDisruptionBudgets } from "../resource-types.ts";
import type { PodDisruptionBudget } from "../types/policy.v1.ts";
import { define } from "./define.ts";

export const podDisruptionBudget = define<PodDisruptionBudget>({
  type: podDisruptionBudgets,
  singular: "poddisruptionbudget",
  shortNames: ["pdb"],
  hasStatus: true,
  generation: true,
  unconditionalUpdate: false,
});
