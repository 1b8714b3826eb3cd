import type { NamespaceCondition } from "../../api/types/core.v1.ts";
import { time } from "../../client/timestamps.ts";

/** What one round of emptying a namespace came to. */
export interface DeletionOutcome {
  /** Group versions that could not be discovered. */
  readonly undiscovered: readonly string[];
  /** What went wrong with some resources. */
  readonly errors: readonly string[];
  /** `pods.`, `deployments.apps` → how many are left. */
  readonly remaining: ReadonlyMap<string, number>;
  /** Finalizer → on how many objects it still is. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** The conditions of a namespace being deleted; those that say the same as before keep their transition time. */
export function deletionConditions(
  before: readonly NamespaceCondition[],
  { undiscovered, errors, remaining, finalizers }: DeletionOutcome,
  now: number,
): NamespaceCondition[] {
  const counted = (counts: ReadonlyMap<string, number>, word: string) =>
    [...counts].map(([name, count]) => `${name} ${word} ${count} resource instances`).sort();
  const rows: [type: string, reason: string, message: string, problem?: { reason: string; message: string }][] = [
    [
      "NamespaceDeletionDiscoveryFailure",
      "ResourcesDiscovered",
      "All resources successfully discovered",
      undiscovered.length > 0
        ? {
            reason: "DiscoveryFailed",
            message: `Discovery failed for some groups, ${undiscovered.length} failing: ${[...undiscovered].sort().join(", ")}`,
          }
        : undefined,
    ],
    ["NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"],
    [
      "NamespaceDeletionContentFailure",
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
      errors.length > 0
        ? {
            reason: "ContentDeletionFailed",
            message: `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(", ")}`,
          }
        : undefined,
    ],
    [
      "NamespaceContentRemaining",
      "ContentRemoved",
      "All content successfully removed",
      remaining.size > 0
        ? {
            reason: "SomeResourcesRemain",
            message: `Some resources are remaining: ${counted(remaining, "has").join(", ")}`,
          }
        : undefined,
    ],
    [
      "NamespaceFinalizersRemaining",
      "ContentHasNoFinalizers",
      "All content-preserving finalizers finished",
      finalizers.size > 0
        ? {
            reason: "SomeFinalizersRemain",
            message: `Some content in the namespace has finalizers remaining: ${counted(finalizers, "in").join(", ")}`,
          }
        : undefined,
    ],
  ];
  const others = before.filter((condition) => !rows.some(([type]) => type === condition.type));
  return [
    ...others,
    ...rows.map(([type, reason, message, problem]): NamespaceCondition => {
      const condition = { type, status: problem ? "True" : "False", ...(problem ?? { reason, message }) };
      const present = before.find((one) => one.type === type);
      const same =
        present?.status === condition.status &&
        present.reason === condition.reason &&
        present.message === condition.message;
      return same ? present : { ...condition, lastTransitionTime: time(now) };
    }),
  ];
}
