import { pods, priorityClasses } from "../../api/resource-types.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { PriorityClass } from "../../api/types/scheduling.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, stored, written } from "./refusal.ts";

/** Priority: sets a pod's priority and preemption policy from its PriorityClass, or from the default one. */
export function priority({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  /** Where several classes claim to be the default, as a race may make them, the lowest counts. */
  const defaultClass = async (): Promise<PriorityClass | undefined> => {
    const defaults = (await lookup.list(priorityClasses)).filter((one) => one.globalDefault);
    return defaults.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  };

  const admitPod = async (attributes: AdmissionAttributes) => {
    const { spec } = written<Pod>(attributes);
    if (!spec) return;
    if (attributes.operation === "UPDATE") {
      const before = stored<Pod>(attributes).spec;
      if (before?.priority !== undefined) spec.priority ??= before.priority;
      if (before?.preemptionPolicy !== undefined) spec.preemptionPolicy ??= before.preemptionPolicy;
      return;
    }
    const wanted = spec.priorityClassName;
    const found = wanted
      ? ((await lookup.get(priorityClasses, wanted)) ??
        (await lookup.get(priorityClasses, wanted, undefined, { fresh: true })))
      : await defaultClass();
    if (wanted && !found) throw refusal(attributes, `no PriorityClass with name ${wanted} was found`);
    const value = found?.value ?? 0;
    const policy = found ? found.preemptionPolicy : "PreemptLowerPriority";
    if (!wanted && found?.metadata?.name) spec.priorityClassName = found.metadata.name;
    if (spec.priority !== undefined && spec.priority !== null && spec.priority !== value) {
      throw refusal(
        attributes,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    }
    spec.priority = value;
    if (!policy) return;
    if (spec.preemptionPolicy && spec.preemptionPolicy !== policy) {
      throw refusal(
        attributes,
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    }
    spec.preemptionPolicy = policy;
  };

  return {
    name: "Priority",
    handles: (attributes) =>
      (attributes.operation === "CREATE" || attributes.operation === "UPDATE") &&
      (concerns(attributes, pods) || concerns(attributes, priorityClasses)),
    async admit(attributes) {
      if (concerns(attributes, pods)) await admitPod(attributes);
    },
    async validate(attributes) {
      if (!concerns(attributes, priorityClasses) || !written<PriorityClass>(attributes).globalDefault) return;
      const other = (await defaultClass())?.metadata?.name;
      if (other === undefined || (attributes.operation === "UPDATE" && other === attributes.name)) return;
      throw refusal(attributes, `PriorityClass ${other} is already marked as default. Only one default can exist`);
    },
  };
}
