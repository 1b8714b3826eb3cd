import { parseLabelSelector, SelectorError } from "../../api/label-selector.ts";
import { namespaces, pods } from "../../api/resource-types.ts";
import { internalError } from "../../api/status-error.ts";
import type { Namespace, Pod, Toleration } from "../../api/types/core.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { isBestEffort } from "./pod-class.ts";
import { concerns, refusal, written } from "./refusal.ts";

/** Where pods of a namespace may run, by annotations of the namespace. */

const NODE_SELECTOR = "scheduler.alpha.kubernetes.io/node-selector";
const DEFAULT_TOLERATIONS = "scheduler.alpha.kubernetes.io/defaultTolerations";
const TOLERATIONS_WHITELIST = "scheduler.alpha.kubernetes.io/tolerationsWhitelist";
const MEMORY_PRESSURE: Toleration = {
  key: "node.kubernetes.io/memory-pressure",
  operator: "Exists",
  effect: "NoSchedule",
};

async function namespaceOf(lookup: Lookup, { namespace = "" }: AdmissionAttributes): Promise<Namespace | undefined> {
  return (
    (await lookup.get(namespaces, namespace)) ?? (await lookup.get(namespaces, namespace, undefined, { fresh: true }))
  );
}

/** PodNodeSelector: pods get the node selector of their namespace, and must not contradict it. */
export function podNodeSelector({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  const selectorOf = async (attributes: AdmissionAttributes): Promise<Record<string, string>> => {
    const text = (await namespaceOf(lookup, attributes))?.metadata?.annotations?.[NODE_SELECTOR] ?? "";
    return labelsOf(text);
  };
  const conflicts = (a: Record<string, string>, b: Record<string, string> = {}) =>
    Object.entries(b).some(([key, value]) => Object.hasOwn(a, key) && a[key] !== value);
  const refuse = (attributes: AdmissionAttributes) =>
    refusal(attributes, "pod node label selector conflicts with its namespace node label selector");
  return {
    name: "PodNodeSelector",
    handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, pods),
    async admit(attributes) {
      const selector = await selectorOf(attributes);
      const { spec } = written<Pod>(attributes);
      if (!spec || Object.keys(selector).length === 0) return;
      if (conflicts(selector, spec.nodeSelector)) throw refuse(attributes);
      spec.nodeSelector = { ...selector, ...spec.nodeSelector };
    },
    async validate(attributes) {
      if (conflicts(await selectorOf(attributes), written<Pod>(attributes).spec?.nodeSelector))
        throw refuse(attributes);
    },
  };
}

/** `a=b,c=d`, as upstream reads the annotation. */
function labelsOf(text: string): Record<string, string> {
  try {
    return Object.fromEntries(
      parseLabelSelector(text).requirements.map(({ key, operator, values }) => {
        if (operator !== "=" && operator !== "==") throw new SelectorError("only equality is possible");
        return [key, values[0] ?? ""];
      }),
    );
  } catch (error) {
    throw internalError(error);
  }
}

/** PodTolerationRestriction: pods get their namespace's tolerations, and may have those only that it allows. */
export function podTolerationRestriction({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  const listOf = async (attributes: AdmissionAttributes, annotation: string): Promise<Toleration[]> => {
    const text = (await namespaceOf(lookup, attributes))?.metadata?.annotations?.[annotation];
    if (!text) return [];
    try {
      return JSON.parse(text);
    } catch (error) {
      throw internalError(error);
    }
  };
  const isWritten = ({ operation }: AdmissionAttributes) => operation === "CREATE" || operation === "UPDATE";
  return {
    name: "PodTolerationRestriction",
    handles: (attributes) => isWritten(attributes) && concerns(attributes, pods),
    async admit(attributes) {
      const pod = written<Pod>(attributes);
      const { spec } = pod;
      if (!spec) return;
      const given = spec.tolerations ?? [];
      const defaults = attributes.operation === "CREATE" ? await listOf(attributes, DEFAULT_TOLERATIONS) : [];
      if (defaults.some((one) => given.some((other) => contradicts(one, other)))) {
        throw refusal(attributes, "namespace tolerations and pod tolerations conflict");
      }
      const merged = mergeTolerations([...given, ...defaults, ...(isBestEffort(pod) ? [] : [MEMORY_PRESSURE])]);
      if (merged.length !== given.length) spec.tolerations = merged;
    },
    async validate(attributes) {
      const allowed = await listOf(attributes, TOLERATIONS_WHITELIST);
      if (allowed.length === 0) return;
      const pod = written<Pod>(attributes);
      const wide = isBestEffort(pod) ? allowed : [...allowed, MEMORY_PRESSURE];
      if ((pod.spec?.tolerations ?? []).every((one) => wide.some((other) => covers(other, one)))) return;
      throw refusal(
        attributes,
        "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist",
      );
    },
  };
}

/** Two that tolerate the same taint, but not in the same way. */
const contradicts = (a: Toleration, b: Toleration) =>
  (a.key ?? "") === (b.key ?? "") && (a.effect ?? "") === (b.effect ?? "") && !covers(a, b) && !covers(b, a);

const mergeTolerations = (all: readonly Toleration[]): Toleration[] =>
  all.filter(
    (one, index) => !all.some((other, at) => at !== index && covers(other, one) && (at < index || !covers(one, other))),
  );

/** Whether everything that `b` tolerates is tolerated by `a`, at least as long. */
function covers(a: Toleration, b: Toleration): boolean {
  if (a.key && a.key !== b.key) return false;
  if (a.effect && a.effect !== b.effect) return false;
  if (a.effect === "NoExecute" || b.effect === "NoExecute") {
    if (a.tolerationSeconds !== undefined && (b.tolerationSeconds ?? Number.POSITIVE_INFINITY) > a.tolerationSeconds) {
      return false;
    }
  }
  if (a.operator === "Exists") return true;
  return b.operator !== "Exists" && (a.value ?? "") === (b.value ?? "");
}
