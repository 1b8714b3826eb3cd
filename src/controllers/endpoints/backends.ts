import { selectorOfMap } from "../../api/label-selector.ts";
import type { Container, ContainerPort, Node, Pod, Service, ServicePort } from "../../api/types/core.v1.ts";
import { isFinished, isReady, isTerminating } from "../pod-state.ts";

/** What Services say about their pods: which belong to them, under which addresses and ports. Pure. */

export type IpFamily = "IPv4" | "IPv6";

export const familyOf = (address: string): IpFamily => (address.includes(":") ? "IPv6" : "IPv4");

/** Services without a selector have endpoints of somebody else's making; names of other hosts have none. */
export const isManaged = (service: Service): boolean =>
  service.spec?.selector !== undefined &&
  Object.keys(service.spec.selector).length > 0 &&
  service.spec.type !== "ExternalName";

/** Whether the Service has no cluster IP, on purpose or because it is not allocated. */
export const isHeadless = (service: Service): boolean =>
  service.spec?.clusterIP === "None" || (service.spec?.clusterIP ?? "") === "";

/** Whether `service` selects `pod` by its labels. */
export const selects = (service: Service, pod: Pod): boolean =>
  isManaged(service) && selectorOfMap(service.spec?.selector).matches(pod.metadata?.labels);

/** A pod can be an endpoint when it has an address and has not run to its end. */
export const hasEndpoint = (pod: Pod): boolean => !isFinished(pod) && addressesOf(pod).length > 0;

export function addressesOf(pod: Pod): string[] {
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? [];
  return ips.length > 0 ? ips : pod.status?.podIP ? [pod.status.podIP] : [];
}

export const addressOfFamily = (pod: Pod, family: IpFamily): string | undefined =>
  addressesOf(pod).find((address) => familyOf(address) === family);

/** The families a Service has; from its cluster IP where it does not say. */
export function familiesOf(service: Service): IpFamily[] {
  const { ipFamilies, clusterIP } = service.spec ?? {};
  if (ipFamilies && ipFamilies.length > 0) return ipFamilies as IpFamily[];
  return [clusterIP && clusterIP !== "None" ? familyOf(clusterIP) : "IPv4"];
}

export interface Backend {
  readonly pod: Pod;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** How a pod stands as an endpoint of `service`. */
export function backendOf(service: Service, pod: Pod): Backend {
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  return { pod, ready, serving, terminating };
}

/** The pod's host name, where the Service is the one that gives it a DNS name. */
export function hostnameOf(service: Service, pod: Pod): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  const named =
    hostname && subdomain === service.metadata?.name && pod.metadata?.namespace === service.metadata?.namespace;
  return named ? hostname : undefined;
}

export interface BackendPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

/** The ports of `pod` that the Service's ports lead to. A port name that the pod does not have is left out. */
export function portsOf(service: Service, pod: Pod): BackendPort[] {
  const ports: BackendPort[] = [];
  for (const servicePort of service.spec?.ports ?? []) {
    const port = targetPort(servicePort, pod);
    if (port === undefined) continue;
    const { name = "", protocol = "TCP", appProtocol } = servicePort;
    ports.push({ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return ports;
}

function targetPort(servicePort: ServicePort, pod: Pod): number | undefined {
  const { targetPort: target = servicePort.port, protocol = "TCP" } = servicePort;
  if (typeof target === "number") return target === 0 ? servicePort.port : target;
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
  const isTarget = (port: ContainerPort) => port.name === target && (port.protocol ?? "TCP") === protocol;
  const containers: Container[] = [...(pod.spec?.containers ?? []), ...sidecars];
  return containers.flatMap((container) => container.ports ?? []).find(isTarget)?.containerPort;
}

export const zoneOf = (node: Node | undefined): string | undefined =>
  node?.metadata?.labels?.["topology.kubernetes.io/zone"] || undefined;

export const targetRefOf = (pod: Pod) => ({
  kind: "Pod",
  namespace: pod.metadata?.namespace,
  name: pod.metadata?.name,
  uid: pod.metadata?.uid,
});
