import { pods } from "../../api/resource-types.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, written } from "./refusal.ts";

const HOSTNAME = "kubernetes.io/hostname";

/** LimitPodHardAntiAffinityTopology: a pod keeps others away from its node at most, not from a whole zone. */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: "LimitPodHardAntiAffinityTopology",
  handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, pods),
  validate(attributes) {
    const { podAntiAffinity } = written<Pod>(attributes).spec?.affinity ?? {};
    for (const { topologyKey } of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (topologyKey === HOSTNAME) continue;
      const rule = `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${topologyKey} but only key ${HOSTNAME} is allowed`;
      throw refusal(attributes, rule);
    }
  },
};
