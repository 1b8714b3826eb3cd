import { type Selector, selectorOf } from "../../api/label-selector.ts";
import type { Pod, PodAffinityTerm } from "../../api/types/core.v1.ts";
import type { Snapshot } from "../framework.ts";

/** One affinity term of `owner`, ready to be held against other pods. */
export interface PodTerm {
  readonly topologyKey: string;
  matches(other: Pod, snapshot: Snapshot): boolean;
}

/** `matchLabelKeys` and `mismatchLabelKeys` were merged into the selector when the pod was created. */
export function podTerm(term: PodAffinityTerm, owner: Pod): PodTerm {
  const selector = selectorOf(term.labelSelector);
  const namespaces = term.namespaces ?? [];
  const byLabel: Selector | undefined = term.namespaceSelector && selectorOf(term.namespaceSelector);
  const own = namespaces.length === 0 && !byLabel ? owner.metadata!.namespace! : undefined;
  return {
    topologyKey: term.topologyKey,
    matches(other, snapshot) {
      const namespace = other.metadata!.namespace!;
      const inScope =
        namespace === own ||
        namespaces.includes(namespace) ||
        (byLabel?.matches(snapshot.namespaceLabels(namespace)) ?? false);
      return inScope && selector.matches(other.metadata?.labels ?? {});
    },
  };
}
