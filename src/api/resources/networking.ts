import { ingressClasses, ingresses, ipAddresses, networkPolicies, serviceCIDRs } from "../resource-types.ts";
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from "../types/networking.v1.ts";
import { define } from "./define.ts";

export const ingress = define<Ingress>({
  type: ingresses,
  singular: "ingress",
  shortNames: ["ing"],
  hasStatus: true,
  generation: true,
});

export const ingressClass = define<IngressClass>({
  type: ingressClasses,
  singular: "ingressclass",
  generation: true,
});

export const networkPolicy = define<NetworkPolicy>({
  type: networkPolicies,
  singular: "networkpolicy",
  shortNames: ["netpol"],
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
  hasStatus: true,
  generation: false,
});
