import type { Selector } from "../../api/label-selector.ts";
import type { Pod } from "../../api/types/core.v1.ts";

/** The selectors by which autoscalers count their pods, so that two of them do not pull at the same ones. */
export interface SelectorConflicts {
  /** What the target of an autoscaler selects, as last seen. */
  set(key: string, namespace: string, selector: Selector): void;
  forget(key: string): void;
  /** The keys of all autoscalers that select any of `pods`, which are of `namespace`, in order. */
  selecting(namespace: string, pods: readonly Pod[]): string[];
}

export function selectorConflicts(): SelectorConflicts {
  const namespaces = new Map<string, Map<string, Selector>>();
  return {
    set(key, namespace, selector) {
      const selectors = namespaces.get(namespace) ?? new Map<string, Selector>();
      namespaces.set(namespace, selectors.set(key, selector));
    },
    forget(key) {
      for (const [namespace, selectors] of namespaces) {
        if (selectors.delete(key) && selectors.size === 0) namespaces.delete(namespace);
      }
    },
    selecting(namespace, pods) {
      return [...(namespaces.get(namespace) ?? [])]
        .filter(([, selector]) => pods.some((pod) => selector.matches(pod.metadata?.labels)))
        .map(([key]) => key)
        .sort();
    },
  };
}
