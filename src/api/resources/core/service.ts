import type { FieldError } from "../../resource-definition.ts";
import { services } from "../../resource-types.ts";
import type { Service, ServicePort } from "../../types/core.v1.ts";
import { ageColumn, column, formatLabels, nameColumn, wideColumn } from "../columns.ts";
import { define } from "../define.ts";
import { alignService, dropTypeDependentFields, isExternallyAccessible } from "./service-allocation.ts";
import { validateLoadBalancerStatus, validateService, validateServiceUpdate } from "./service-validation.ts";
import { serviceWarnings } from "./service-warnings.ts";

export const service = define<Service>({
  type: services,
  singular: "service",
  shortNames: ["svc"],
  categories: ["all"],
  hasStatus: true,
  generation: false,
  nameFormat: "service",
  createOnUpdate: true,
  columns: [
    nameColumn,
    column("Type", "How the service is exposed.", ({ spec }) => spec?.type ?? ""),
    column("Cluster-IP", "Virtual address within the cluster.", ({ spec }) => spec?.clusterIPs?.[0] ?? "<none>"),
    column("External-IP", "Addresses outside the cluster.", externalIP),
    column("Port(s)", "Ports, node ports and protocols.", ({ spec }) => ports(spec?.ports ?? [])),
    ageColumn,
    wideColumn("Selector", "Labels of the pods that are served.", ({ spec }) => formatLabels(spec?.selector)),
  ],
  defaults: defaultService,
  prepareForCreate(service) {
    service.status = { loadBalancer: {} };
    alignService(service);
  },
  validate: validateService,
  warnings: serviceWarnings,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate({ spec, status }) {
    const errors: FieldError[] = [];
    validateLoadBalancerStatus(status?.loadBalancer, spec?.type === "LoadBalancer", errors);
    return errors;
  },
  prepareForUpdate(service, old) {
    service.status = old.status;
    alignService(service, old);
    dropTypeDependentFields(service, old);
  },
  selectableFields: {
    "spec.clusterIP": (service) => service.spec?.clusterIP ?? "",
    "spec.type": (service) => service.spec?.type ?? "",
  },
});

function defaultService(service: Service): void {
  service.spec ??= {};
  const { spec, status } = service;
  spec.sessionAffinity ||= "None";
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  else if (spec.sessionAffinity === "ClientIP" && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds == null) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: CLIENT_IP_TIMEOUT_SECONDS } };
  }
  spec.type ||= "ClusterIP";
  for (const port of spec.ports ?? []) {
    port.protocol ||= "TCP";
    port.targetPort ||= port.port;
  }
  const { type } = spec;
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= "Cluster";
  if (type === "NodePort" || type === "LoadBalancer" || type === "ClusterIP") spec.internalTrafficPolicy ??= "Cluster";
  if (type !== "LoadBalancer") return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
}

/** How long a client stays with an endpoint: three hours. */
const CLIENT_IP_TIMEOUT_SECONDS = 10_800;

function ports(ports: readonly ServicePort[]): string {
  const texts = ports.map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return texts.join(",") || "<none>";
}

function externalIP({ spec, status }: Service): string {
  const external = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case "ClusterIP":
    case "NodePort":
      return external.join(",") || "<none>";
    case "LoadBalancer": {
      const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "");
      const balanced = [...new Set(addresses.filter((address) => address !== ""))].sort();
      return [...balanced, ...external].join(",") || "<pending>";
    }
    case "ExternalName":
      return spec.externalName ?? "";
    default:
      return "<unknown>";
  }
}
