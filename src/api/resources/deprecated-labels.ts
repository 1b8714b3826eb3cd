import type { NodeSelectorTerm } from "../types/core.v1.ts";
import type { LabelSelector } from "../types/meta.v1.ts";
import { at, child } from "./field-errors.ts";

/** Labels of nodes that have another name by now. */
const DEPRECATED: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "app.kubernetes.io/created-by": "deprecated since v1.9",
  "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
  "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
};

/** What to say of a label key that should not be used any more; undefined of all others. */
export function deprecatedLabel(key: string | undefined): string | undefined {
  return key === undefined ? undefined : DEPRECATED[key];
}

export function termWarnings(term: NodeSelectorTerm | undefined, path: string): string[] {
  return (term?.matchExpressions ?? []).flatMap(({ key }, index) => {
    const message = deprecatedLabel(key);
    return message ? [`${child(at(child(path, "matchExpressions"), index), "key")}: ${key} is ${message}`] : [];
  });
}

export function selectorWarnings(selector: LabelSelector | undefined, path: string): string[] {
  const labels = Object.keys(selector?.matchLabels ?? {}).flatMap((key) => {
    const message = deprecatedLabel(key);
    return message ? [`${child(path, "matchLabels", key)}: ${message}`] : [];
  });
  return [...termWarnings({ matchExpressions: selector?.matchExpressions }, path), ...labels];
}
