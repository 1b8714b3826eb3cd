import { jsonEqual } from "../../json-equal.ts";
import type { Service, ServiceSpec } from "../../types/core.v1.ts";

/** Whether a service of this kind has a cluster IP, unless it is headless. */
export function needsClusterIP(spec: ServiceSpec): boolean {
  return spec.type === "ClusterIP" || spec.type === "NodePort" || spec.type === "LoadBalancer";
}

export function needsNodePort(spec: ServiceSpec): boolean {
  if (spec.type === "NodePort") return true;
  return spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false;
}

export function needsHealthCheckPort(spec: ServiceSpec): boolean {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
}

export function isExternallyAccessible(spec: ServiceSpec): boolean {
  if (spec.type === "LoadBalancer" || spec.type === "NodePort") return true;
  return spec.type === "ClusterIP" && (spec.externalIPs?.length ?? 0) > 0;
}

export function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === "None";
}

/**
 * Makes a written service agree with itself and with what was allocated to it before, which a client may leave out.
 * Comes before allocation, and may be called again after it.
 */
export function alignService(service: Service, old?: Service): void {
  const spec = service.spec!;
  if (old?.spec) keepAllocated(spec, old.spec);
  alignClusterIPs(spec, old?.spec);
}

/** An update without cluster IP or node ports means those that the service has. */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIP(spec) && needsClusterIP(old)) {
    if (!spec.clusterIP) spec.clusterIP = old.clusterIP;
    if (!spec.clusterIPs?.length && spec.clusterIP === old.clusterIP) spec.clusterIPs = old.clusterIPs;
  }
  if (needsNodePort(spec) && needsNodePort(old)) {
    const used = new Set((spec.ports ?? []).map(({ protocol, nodePort }) => nodePort && `${protocol}/${nodePort}`));
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const before = old.ports?.find((one) => one.port === port.port && one.protocol === port.protocol)?.nodePort;
      const key = `${port.protocol}/${before}`;
      if (!before || used.has(key)) continue;
      port.nodePort = before;
      used.add(key);
    }
  }
  if (needsHealthCheckPort(spec) && needsHealthCheckPort(old)) spec.healthCheckNodePort ||= old.healthCheckNodePort;
}

/** `clusterIP` is the first of `clusterIPs`: of the two, the one that was written decides. */
function alignClusterIPs(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  if (!old) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const before = old.clusterIP ?? "";
  const after = spec.clusterIP ?? "";
  const same = jsonEqual(spec.clusterIPs ?? [], old.clusterIPs ?? []);
  if (before === after) return;
  if (after === "") {
    if (same) delete spec.clusterIPs;
  } else if (same || !spec.clusterIPs?.length) spec.clusterIPs = [after];
}

/** What a service had because of its type goes when the type does, unless the client changed it in the same breath. */
export function dropTypeDependentFields(service: Service, old: Service): void {
  const spec = service.spec!;
  const before = old.spec!;
  if (needsClusterIP(before) && !needsClusterIP(spec)) {
    if ((spec.clusterIP ?? "") === (before.clusterIP ?? "") && same(spec, before, "clusterIPs")) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (same(spec, before, "ipFamilies")) delete spec.ipFamilies;
    if (same(spec, before, "ipFamilyPolicy")) delete spec.ipFamilyPolicy;
  }
  if (needsNodePort(before) && !needsNodePort(spec) && sameNodePorts(spec, before)) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(before) && !needsHealthCheckPort(spec) && same(spec, before, "healthCheckNodePort")) {
    delete spec.healthCheckNodePort;
  }
  const balanced = spec.type === "LoadBalancer";
  if (before.type === "LoadBalancer" && !balanced) {
    for (const name of ["allocateLoadBalancerNodePorts", "loadBalancerClass"] as const) {
      if (same(spec, before, name)) delete spec[name];
    }
  }
  if (isExternallyAccessible(before) && !isExternallyAccessible(spec) && same(spec, before, "externalTrafficPolicy")) {
    delete spec.externalTrafficPolicy;
  }
}

function same(spec: ServiceSpec, before: ServiceSpec, name: keyof ServiceSpec): boolean {
  return jsonEqual(spec[name], before[name]);
}

function sameNodePorts(spec: ServiceSpec, before: ServiceSpec): boolean {
  const ports = ({ ports }: ServiceSpec) =>
    new Set((ports ?? []).flatMap(({ nodePort }) => (nodePort ? [nodePort] : [])));
  const old = ports(before);
  return [...ports(spec)].every((port) => old.has(port));
}
