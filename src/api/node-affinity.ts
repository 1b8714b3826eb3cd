import { parseInt64 } from "./label-selector.ts";
import type {
  Affinity,
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PreferredSchedulingTerm,
} from "./types/core.v1.ts";

/** Whether one of the terms matches the node. A selector without terms, and a term without requirements, match nothing. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesNodeSelectorTerm(term, node));
}

/** Whether all requirements of the term hold, on the node's labels and fields (`metadata.name` is the one there is). */
export function matchesNodeSelectorTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata?.labels ?? {};
  return (
    matchExpressions.every((one) => meets(one, Object.hasOwn(labels, one.key) ? labels[one.key] : undefined)) &&
    matchFields.every(
      (one) => one.key === "metadata.name" && one.values?.length === 1 && meets(one, node.metadata?.name ?? ""),
    )
  );
}

/** Whether the node has all labels of a pod's `nodeSelector` and matches the required part of its node affinity. */
export function matchesRequiredNodeAffinity(
  spec: { nodeSelector?: Record<string, string>; affinity?: Affinity },
  node: Node,
): boolean {
  const labels = node.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}

/** The sum of the weights of the preferred terms that match the node. */
export function preferredNodeWeight(terms: readonly PreferredSchedulingTerm[] | undefined, node: Node): number {
  let weight = 0;
  for (const term of terms ?? []) {
    if (term.weight !== 0 && matchesNodeSelectorTerm(term.preference, node)) weight += term.weight;
  }
  return weight;
}

function meets({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
    case "Lt": {
      const actual = parseInt64(value);
      const wanted = values.length === 1 ? parseInt64(values[0]) : undefined;
      if (actual === undefined || wanted === undefined) return false;
      return operator === "Gt" ? actual > wanted : actual < wanted;
    }
    default:
      return false;
  }
}
