import { networkPolicies } from "../../resource-types.ts";
import type { NetworkPolicy } from "../../types/networking.v1.ts";
import { ageColumn, column, nameColumn, selectorText } from "../columns.ts";
import { define } from "../define.ts";
import { networkPolicyWarnings, validateNetworkPolicy } from "./network-policy-validation.ts";

export const networkPolicy = define<NetworkPolicy>({
  type: networkPolicies,
  singular: "networkpolicy",
  shortNames: ["netpol"],
  columns: [
    nameColumn,
    column("Pod-Selector", "Pods that the policy is for.", ({ spec }) => selectorText(spec?.podSelector)),
    ageColumn,
  ],
  defaults(policy) {
    policy.spec ??= {};
    const { spec } = policy;
    spec.podSelector ??= {};
    for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of ports ?? []) port.protocol ??= "TCP";
    }
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ["Ingress", "Egress"] : ["Ingress"];
  },
  generation: true,
  validate: validateNetworkPolicy,
  warnings: networkPolicyWarnings,
});
