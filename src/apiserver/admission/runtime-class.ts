import { semanticEqual } from "../../api/json-equal.ts";
import { pods, runtimeClasses } from "../../api/resource-types.ts";
import type { Pod, Toleration } from "../../api/types/core.v1.ts";
import type { RuntimeClass } from "../../api/types/node.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, written } from "./refusal.ts";

/** RuntimeClass: a pod of a class gets its overhead and goes only where the class can run (KEP-585, KEP-688). */
export function runtimeClass({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  const classOf = async (attributes: AdmissionAttributes): Promise<RuntimeClass | undefined> => {
    const name = written<Pod>(attributes).spec?.runtimeClassName;
    if (name === undefined || name === null) return undefined;
    const found =
      (await lookup.get(runtimeClasses, name)) ?? (await lookup.get(runtimeClasses, name, undefined, { fresh: true }));
    if (!found) throw refusal(attributes, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
    return found;
  };
  return {
    name: "RuntimeClass",
    handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, pods),
    async admit(attributes) {
      const found = await classOf(attributes);
      const { spec } = written<Pod>(attributes);
      if (!found || !spec) return;
      if (found.overhead) {
        const given = spec.overhead ?? {};
        if (Object.keys(given).length > 0 && !semanticEqual(given, found.overhead.podFixed)) {
          throw refusal(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
        }
        spec.overhead = { ...found.overhead.podFixed };
      }
      if (!found.scheduling) return;
      const wanted = found.scheduling.nodeSelector ?? {};
      for (const [key, value] of Object.entries(wanted)) {
        const own = spec.nodeSelector?.[key];
        if (own !== undefined && own !== value) {
          throw refusal(
            attributes,
            `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
          );
        }
      }
      if (Object.keys(wanted).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...wanted };
      const more = found.scheduling.tolerations ?? [];
      if (more.length > 0) spec.tolerations = mergeTolerations([...(spec.tolerations ?? []), ...more]);
    },
    async validate(attributes) {
      const overhead = (await classOf(attributes))?.overhead;
      const given = written<Pod>(attributes).spec?.overhead;
      if (overhead && !semanticEqual(overhead.podFixed, given)) {
        throw refusal(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
      }
      if (!overhead && given) {
        throw refusal(attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
      }
    },
  };
}

/** The tolerations without those that another one covers; of equal ones the first stays. */
export function mergeTolerations(all: readonly Toleration[]): Toleration[] {
  const kept: Toleration[] = [];
  for (const [index, one] of all.entries()) {
    const redundant =
      kept.some((other) => includes(other, one)) ||
      all.slice(index + 1).some((other) => !semanticEqual(other, one) && includes(other, one));
    if (!redundant) kept.push(one);
  }
  return kept;
}

/** Whether `wide` tolerates all that `narrow` does. */
function includes(wide: Toleration, narrow: Toleration): boolean {
  if (semanticEqual(wide, narrow)) return true;
  const everyKey = !wide.key && wide.operator === "Exists";
  if ((wide.key ?? "") !== (narrow.key ?? "") && !everyKey) return false;
  if (wide.effect && wide.effect !== narrow.effect) return false;
  const longest = wide.effect === "NoExecute" ? wide.tolerationSeconds : undefined;
  if (longest !== undefined && !((narrow.tolerationSeconds ?? Number.POSITIVE_INFINITY) <= longest)) return false;
  if (wide.operator === "Exists") return true;
  return narrow.operator === "Equal" && (narrow.value ?? "") === (wide.value ?? "");
}
