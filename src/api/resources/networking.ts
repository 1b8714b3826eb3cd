import { ingressClasses, ingresses, ipAddresses, networkPolicies, serviceCIDRs } from "../resource-types.ts";
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from "../types/networking.v1.ts";
import { define } from "./define.ts";

export const ingress = define<Ingress>({
  type: ingresses,
  singular: "ingress",
  shortNames: ["ing"],
  defaults(ingress) {
    ingress.spec ??= {};
  },
  prepareForCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
  hasStatus: true,
  generation: true,
});

export const ingressClass = define<IngressClass>({
  type: ingressClasses,
  singular: "ingressclass",
  defaults(ingressClass) {
    if (ingressClass.spec?.parameters) ingressClass.spec.parameters.scope ??= "Cluster";
  },
  generation: true,
});

export const networkPolicy = define<NetworkPolicy>({
  type: networkPolicies,
  singular: "networkpolicy",
  shortNames: ["netpol"],
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
});

export const ipAddress = define<IPAddress>({
  type: ipAddresses,
  singular: "ipaddress",
  shortNames: ["ip"],
  nameFormat: "path-segment",
});

export const serviceCIDR = define<ServiceCIDR>({
  type: serviceCIDRs,
  singular: "servicecidr",
  prepareForCreate(range) {
    range.status = {};
  },
  hasStatus: true,
  generation: false,
});
