import type { Answer } from "dns-packet";
import type { Service } from "../api/types/core.v1.ts";
import type { Endpoint, EndpointSlice } from "../api/types/discovery.v1.ts";
import { isIPv4 } from "../base/ip.ts";

/** What the records are made from. Names are lower case. */
export interface ServiceDirectory {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
  /** Services that have `address` as a cluster IP, and slices that have it as an endpoint. */
  byAddress(address: string): { services: readonly Service[]; slices: readonly EndpointSlice[] };
  namespaceExists(namespace: string): boolean;
}

export type RecordType = "A" | "AAAA" | "SRV" | "PTR" | "CNAME" | "TXT" | "ANY" | string;

/** The answer to a question inside the cluster's zones. `exists` false means NXDOMAIN, no answers alone means NODATA. */
export interface Resolution {
  readonly exists: boolean;
  readonly answers: readonly Answer[];
  readonly additionals?: readonly Answer[];
}

/** Seconds that a client may keep a record: CoreDNS' Kubernetes default. */
export const RECORD_TTL_SECONDS = 5;
const ttl = RECORD_TTL_SECONDS;
const nothing: Resolution = { exists: false, answers: [] };
const noData: Resolution = { exists: true, answers: [] };

/** The name of an endpoint below its Service: its hostname, or its address with dashes. */
const endpointName = (endpoint: Endpoint, address: string) => endpoint.hostname ?? address.replace(/[.:]/g, "-");
const isHeadless = (service: Service) => service.spec?.clusterIP === "None";
const isReady = (endpoint: Endpoint) => endpoint.conditions?.ready !== false;
const addressRecord = (name: string, address: string): Answer => ({
  type: isIPv4(address) ? "A" : "AAAA",
  name,
  ttl,
  data: address,
});
const wanted = (type: RecordType) => (answer: Answer) => type === "ANY" || answer.type === type;

/**
 * Answers as specified by "Kubernetes DNS-Based Service Discovery" 1.1.0: Services, headless Services, SRV, ExternalName,
 * pods by address, and reverse names. `name` is lower case without a final dot; `zone` is the cluster domain.
 */
export function resolve(directory: ServiceDirectory, zone: string, name: string, type: RecordType): Resolution {
  if (name === zone) return noData;
  if (!name.endsWith(`.${zone}`)) return nothing;
  const labels = name.slice(0, -zone.length - 1).split(".");
  if (labels.length === 1 && labels[0] === "dns-version") {
    return answer([{ type: "TXT", name, ttl, data: "1.1.0" }], type);
  }
  switch (labels.pop()) {
    case "svc":
      return resolveService(directory, zone, name, labels, type);
    case "pod":
      return resolvePod(directory, name, labels, type);
    default:
      return nothing;
  }
}

/** `10.0.96.10.in-addr.arpa` and the like; undefined where the address is not the cluster's. */
export function resolveReverse(directory: ServiceDirectory, zone: string, name: string): Resolution | undefined {
  const address = reverseAddress(name);
  if (!address) return undefined;
  const { services, slices } = directory.byAddress(address);
  const targets = services.map((service) => `${service.metadata!.name}.${service.metadata!.namespace}.svc.${zone}`);
  for (const slice of slices) {
    const service = slice.metadata?.labels?.["kubernetes.io/service-name"];
    const headless = service && directory.service(slice.metadata!.namespace!, service);
    if (!headless || !isHeadless(headless)) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (!endpoint.addresses.includes(address)) continue;
      targets.push(`${endpointName(endpoint, address)}.${service}.${slice.metadata!.namespace}.svc.${zone}`);
    }
  }
  if (targets.length === 0) return undefined;
  return { exists: true, answers: targets.map((data) => ({ type: "PTR", name, ttl, data })) };
}

function resolveService(
  directory: ServiceDirectory,
  zone: string,
  name: string,
  labels: string[],
  type: RecordType,
): Resolution {
  const namespace = labels.pop();
  if (namespace === undefined) return noData;
  const serviceName = labels.pop();
  if (serviceName === undefined) return directory.namespaceExists(namespace) ? noData : nothing;
  const service = directory.service(namespace, serviceName);
  if (!service) return nothing;
  if (service.spec?.type === "ExternalName") {
    if (labels.length > 0) return nothing;
    return { exists: true, answers: [{ type: "CNAME", name, ttl, data: service.spec.externalName! }] };
  }
  if (labels.length === 2 && labels[0]!.startsWith("_") && labels[1]!.startsWith("_")) {
    return resolvePort(directory, zone, name, service, labels[0]!.slice(1), labels[1]!.slice(1), type);
  }
  if (!isHeadless(service)) {
    if (labels.length > 0) return nothing;
    return answer(
      clusterAddresses(service).map((address) => addressRecord(name, address)),
      type,
    );
  }
  if (labels.length > 1) return nothing;
  const endpoints = readyEndpoints(directory, service);
  if (labels.length === 1) {
    const matching = endpoints.filter(({ endpoint, address }) => endpointName(endpoint, address) === labels[0]);
    if (matching.length === 0) return nothing;
    return answer(
      matching.map(({ address }) => addressRecord(name, address)),
      type,
    );
  }
  const answers = [...new Set(endpoints.map(({ address }) => address))].map((address) => addressRecord(name, address));
  return answers.length === 0 ? nothing : answer(answers, type);
}

function resolvePort(
  directory: ServiceDirectory,
  zone: string,
  name: string,
  service: Service,
  port: string,
  protocol: string,
  type: RecordType,
): Resolution {
  const base = `${service.metadata!.name}.${service.metadata!.namespace}.svc.${zone}`;
  const answers: Answer[] = [];
  const additionals: Answer[] = [];
  const add = (target: string, targetPort: number, addresses: readonly string[]) => {
    answers.push({ type: "SRV", name, ttl, data: { priority: 0, weight: 100, port: targetPort, target } });
    additionals.push(...addresses.map((address) => addressRecord(target, address)));
  };
  if (isHeadless(service)) {
    for (const { endpoint, address, slice } of readyEndpoints(directory, service)) {
      for (const { name: portName, protocol: portProtocol = "TCP", port: number } of slice.ports ?? []) {
        if (portName !== port || portProtocol.toLowerCase() !== protocol || number === undefined) continue;
        add(`${endpointName(endpoint, address)}.${base}`, number, [address]);
      }
    }
  } else {
    for (const entry of service.spec?.ports ?? []) {
      if (entry.name === port && (entry.protocol ?? "TCP").toLowerCase() === protocol) {
        add(base, entry.port, clusterAddresses(service));
      }
    }
  }
  if (answers.length === 0) return nothing;
  return type === "SRV" || type === "ANY" ? { exists: true, answers, additionals } : noData;
}

/** `10-244-0-3.default.pod`: answered for any address, as CoreDNS does with `pods insecure`. */
function resolvePod(directory: ServiceDirectory, name: string, labels: string[], type: RecordType): Resolution {
  const namespace = labels.pop();
  if (namespace === undefined) return noData;
  if (!directory.namespaceExists(namespace)) return nothing;
  const dashed = labels.pop();
  if (dashed === undefined) return noData;
  const address = dashed.replace(/-/g, ".");
  if (labels.length > 0 || !isIPv4(address)) return nothing;
  return answer([addressRecord(name, address)], type);
}

function answer(records: Answer[], type: RecordType): Resolution {
  return { exists: true, answers: records.filter(wanted(type)) };
}

function clusterAddresses(service: Service): string[] {
  return service.spec?.clusterIPs ?? (service.spec?.clusterIP ? [service.spec.clusterIP] : []);
}

function readyEndpoints(directory: ServiceDirectory, service: Service) {
  const { namespace, name } = service.metadata!;
  return directory
    .slices(namespace!, name!)
    .flatMap((slice) =>
      (slice.endpoints ?? [])
        .filter(isReady)
        .flatMap((endpoint) => endpoint.addresses.map((address) => ({ endpoint, address, slice }))),
    );
}

function reverseAddress(name: string): string | undefined {
  if (name.endsWith(".in-addr.arpa")) {
    const address = name.slice(0, -".in-addr.arpa".length).split(".").reverse().join(".");
    return isIPv4(address) ? address : undefined;
  }
  return undefined;
}
