import { pods } from "../../api/resource-types.ts";
import { isExtendedResource } from "../../api/resources/core/resource-requirements.ts";
import type { Pod, Toleration } from "../../api/types/core.v1.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, written } from "./refusal.ts";

/** ExtendedResourceToleration: a pod that asks for a device tolerates the taint that keeps others off its nodes. */
export const extendedResourceToleration: AdmissionPlugin = {
  name: "ExtendedResourceToleration",
  handles: (attributes) =>
    (attributes.operation === "CREATE" || attributes.operation === "UPDATE") && concerns(attributes, pods),
  admit(attributes) {
    const { spec } = written<Pod>(attributes);
    if (!spec) return;
    const asked = new Set<string>();
    for (const { resources } of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
      for (const name of Object.keys(resources?.requests ?? {})) if (isExtendedResource(name)) asked.add(name);
    }
    const given = spec.tolerations ?? [];
    const missing = [...asked]
      .sort()
      .map((key): Toleration => ({ key, operator: "Exists", effect: "NoSchedule" }))
      .filter(
        (one) => !given.some(({ key, operator, effect, value }) => sameAs(one, { key, operator, effect, value })),
      );
    if (missing.length > 0) spec.tolerations = [...given, ...missing];
  },
};

const sameAs = (one: Toleration, { key, operator, effect, value }: Toleration) =>
  key === one.key && operator === one.operator && effect === one.effect && !value;
