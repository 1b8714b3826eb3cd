import { matchesRequiredNodeAffinity } from "../../api/node-affinity.ts";
import { daemonSets } from "../../api/resource-types.ts";
import { findUntolerated } from "../../api/taints.ts";
import type { DaemonSet } from "../../api/types/apps.v1.ts";
import type { Node, NodeSelector, Pod, Toleration } from "../../api/types/core.v1.ts";
import { podFromTemplate } from "../pod-control.ts";

export const HASH = "controller-revision-hash";
const GENERATION = "pod-template-generation";
const GENERATION_ANNOTATION = "deprecated.daemonset.template.generation";

const tolerate = (name: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${name}`,
  operator: "Exists",
  effect,
});
/** Daemons run on nodes in trouble, too; many of them are there to mend it. */
const TOLERATIONS = [
  tolerate("not-ready", "NoExecute"),
  tolerate("unreachable", "NoExecute"),
  tolerate("disk-pressure", "NoSchedule"),
  tolerate("memory-pressure", "NoSchedule"),
  tolerate("pid-pressure", "NoSchedule"),
  tolerate("unschedulable", "NoSchedule"),
];

function tolerationsOf(set: DaemonSet): Toleration[] {
  const spec = set.spec?.template.spec;
  const own = spec?.tolerations ?? [];
  const added = spec?.hostNetwork ? [...TOLERATIONS, tolerate("network-unavailable", "NoSchedule")] : TOLERATIONS;
  const same = (a: Toleration, b: Toleration) =>
    a.key === b.key && a.effect === b.effect && (a.operator ?? "Equal") === (b.operator ?? "Equal");
  return [...own.filter((one) => !added.some((other) => same(one, other))), ...added];
}

/** Whether a daemon is to run on the node, and whether one that is there may stay. */
export function isWantedOn(set: DaemonSet, node: Node): { run: boolean; stay: boolean } {
  const spec = set.spec?.template.spec;
  const fits =
    (!spec?.nodeName || spec.nodeName === node.metadata?.name) &&
    matchesRequiredNodeAffinity({ nodeSelector: spec?.nodeSelector, affinity: spec?.affinity }, node);
  if (!fits) return { run: false, stay: false };
  const tolerations = tolerationsOf(set);
  const taints = node.spec?.taints;
  const run = !findUntolerated(taints, tolerations, ({ effect }) => effect === "NoSchedule" || effect === "NoExecute");
  return { run, stay: run || !findUntolerated(taints, tolerations, ({ effect }) => effect === "NoExecute") };
}

/** The daemon for a node: the scheduler is told by affinity that no other will do. */
export function daemonPod(set: DaemonSet, nodeName: string, hash: string): Pod {
  const pod = podFromTemplate(daemonSets, set, set.spec?.template);
  const generation = set.metadata?.annotations?.[GENERATION_ANNOTATION];
  const affinity = pod.spec?.affinity;
  const nodeAffinity = affinity?.nodeAffinity;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata?.labels, ...(generation ? { [GENERATION]: generation } : {}), [HASH]: hash },
    },
    spec: {
      ...pod.spec!,
      tolerations: tolerationsOf(set),
      affinity: {
        ...affinity,
        nodeAffinity: {
          ...nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: onlyOn(
            nodeName,
            nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
          ),
        },
      },
    },
  };
}

function onlyOn(nodeName: string, present: NodeSelector | undefined): NodeSelector {
  const matchFields = [{ key: "metadata.name", operator: "In", values: [nodeName] }];
  const terms = present?.nodeSelectorTerms ?? [];
  return { nodeSelectorTerms: terms.length > 0 ? terms.map((term) => ({ ...term, matchFields })) : [{ matchFields }] };
}

/** The node that a daemon is on, or is meant for. */
export function nodeOf(pod: Pod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const term of required?.nodeSelectorTerms ?? []) {
    for (const { key, operator, values } of term.matchFields ?? []) {
      if (key === "metadata.name" && operator === "In" && values?.length === 1) return values[0];
    }
  }
  return undefined;
}
