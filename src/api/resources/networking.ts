import { ingressClasses, ingresses, ipAddresses, networkPolicies, serviceCIDRs } from "../resource-types.ts";
import type {
  Ingress,
  IngressClass,
  IngressRule,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from "../types/networking.v1.ts";
import { ageColumn, column, listWithMore, nameColumn, selectorText } from "./columns.ts";
import { define } from "./define.ts";

export const ingress = define<Ingress>({
  type: ingresses,
  singular: "ingress",
  shortNames: ["ing"],
  columns: [
    nameColumn,
    column("Class", "Name of the class that serves it.", ({ spec }) => spec?.ingressClassName ?? "<none>"),
    column("Hosts", "Hosts that requests are matched against.", ({ spec }) => hosts(spec?.rules ?? [])),
    column("Address", "Where the load balancer is reached.", ({ status }) =>
      [...new Set((status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || ""))]
        .filter((address) => address !== "")
        .sort()
        .join(","),
    ),
    column("Ports", "Ports that it opens: 443 too where there is TLS.", ({ spec }) =>
      spec?.tls?.length ? "80, 443" : "80",
    ),
    ageColumn,
  ],
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
  columns: [
    nameColumn,
    column("Controller", "Controller that handles this class.", ({ spec }) => spec?.controller ?? ""),
    column("Parameters", "Resource with further parameters.", ({ spec }) => {
      const parameters = spec?.parameters;
      if (!parameters) return "<none>";
      const kind = parameters.apiGroup == null ? parameters.kind : `${parameters.kind}.${parameters.apiGroup}`;
      return `${kind}/${parameters.name}`;
    }),
    ageColumn,
  ],
  defaults(ingressClass) {
    if (ingressClass.spec?.parameters) ingressClass.spec.parameters.scope ??= "Cluster";
  },
  generation: true,
});

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
});

export const ipAddress = define<IPAddress>({
  type: ipAddresses,
  singular: "ipaddress",
  shortNames: ["ip"],
  columns: [
    nameColumn,
    column("ParentRef", "Object that the address belongs to.", ({ spec }) => {
      const parent = spec?.parentRef;
      if (!parent) return "<none>";
      const resource = parent.group ? `${parent.resource}.${parent.group}` : parent.resource;
      return [resource.toLowerCase(), ...(parent.namespace ? [parent.namespace] : []), parent.name].join("/");
    }),
    ageColumn,
  ],
  nameFormat: "path-segment",
});

export const serviceCIDR = define<ServiceCIDR>({
  type: serviceCIDRs,
  singular: "servicecidr",
  columns: [
    nameColumn,
    column("CIDRs", "Ranges that cluster IPs are taken from.", ({ spec }) => (spec?.cidrs ?? []).join(",")),
    ageColumn,
  ],
  prepareForCreate(range) {
    range.status = {};
  },
  hasStatus: true,
  generation: false,
});

/** The first three hosts; rules without one are not shown, and beyond three are counted all the same, as upstream does. */
function hosts(rules: readonly IngressRule[]): string {
  const named: string[] = [];
  let more = false;
  for (const { host } of rules) {
    if (named.length === 3) more = true;
    else if (host) named.push(host);
  }
  if (named.length === 0) return "*";
  return more ? listWithMore(named, rules.length, 3) : named.join(",");
}
