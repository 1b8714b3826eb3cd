import { semanticEqual } from "../../api/json-equal.ts";
import { nodes, pods } from "../../api/resource-types.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, stored, written } from "./refusal.ts";

/** Changes of a pod that take a feature of its node, by the name under which the node declares it. */
const FEATURES: readonly { readonly name: string; isNeeded(before: Pod, after: Pod): boolean }[] = [
  {
    name: "InPlacePodLevelResourcesVerticalScaling",
    isNeeded: (before, after) => !semanticEqual(before.spec?.resources, after.spec?.resources),
  },
];

/**
 * NodeDeclaredFeatureValidator: a pod is not changed in a way that its node doesn't know (KEP-5328). Nodes say in their
 * status which features they have; only updates of the pod itself are looked at, not those of its subresources.
 */
export function nodeDeclaredFeatureValidator({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "NodeDeclaredFeatureValidator",
    handles: (attributes) => attributes.operation === "UPDATE" && concerns(attributes, pods),
    async validate(attributes) {
      const [before, after] = [stored<Pod>(attributes), written<Pod>(attributes)];
      const nodeName = after.spec?.nodeName;
      const needed = nodeName ? FEATURES.filter(({ isNeeded }) => isNeeded(before, after)) : [];
      if (!nodeName || needed.length === 0) return;
      const quoted = JSON.stringify(nodeName);
      const node = await lookup.get(nodes, nodeName);
      if (!node) throw refusal(attributes, `node ${quoted} not found`);
      const declared = node.status?.declaredFeatures ?? [];
      const missing = needed.map(({ name }) => name).filter((name) => !declared.includes(name));
      if (missing.length === 0) return;
      throw refusal(
        attributes,
        `pod update requires features ${missing.join(", ")} which are not available on node ${quoted}`,
      );
    },
  };
}
