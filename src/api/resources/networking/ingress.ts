import { ingresses } from "../../resource-types.ts";
import type { Ingress, IngressRule } from "../../types/networking.v1.ts";
import { ageColumn, column, listWithMore, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import {
  CLASS_ANNOTATION,
  validateIngress,
  validateIngressCreate,
  validateIngressStatus,
} from "./ingress-validation.ts";

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
  validate: validateIngress,
  validateCreate: validateIngressCreate,
  validateStatusUpdate: validateIngressStatus,
  warnings({ metadata }, old) {
    if (old || metadata?.annotations?.[CLASS_ANNOTATION] === undefined) return [];
    return [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`];
  },
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
