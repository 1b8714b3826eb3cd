import { invalid as invalidField } from "../../api/resources/field-errors.ts";
import { invalid } from "../../api/status-error.ts";
import type { Service, ServiceSpec } from "../../api/types/core.v1.ts";
import { familyOf, type IpFamily } from "./ip-range.ts";

/** The fields of a Service that depend on each other and on what it was: addresses, families, node ports. */

const needsAddress = ({ type }: ServiceSpec) => type !== "ExternalName";
const needsNodePorts = (spec: ServiceSpec) =>
  spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
const needsHealthPort = ({ type, externalTrafficPolicy }: ServiceSpec) =>
  type === "LoadBalancer" && externalTrafficPolicy === "Local";
const isExternal = ({ type, externalIPs }: ServiceSpec) =>
  type === "LoadBalancer" || type === "NodePort" || (type === "ClusterIP" && (externalIPs?.length ?? 0) > 0);

/** A change of type leaves fields behind that the new type can't have: they go, unless the client changed them too. */
export function dropAddresses(service: Service, old: Service): void {
  const spec = service.spec!;
  const before = old.spec ?? {};
  const dropUnchanged = (field: keyof ServiceSpec) => {
    if (JSON.stringify(spec[field]) === JSON.stringify(before[field])) delete spec[field];
  };
  if (needsAddress(before) && !needsAddress(spec)) {
    for (const field of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] as const) {
      dropUnchanged(field);
    }
  }
  if (needsNodePorts(before) && !needsNodePorts(spec)) {
    const had = new Set((before.ports ?? []).map(({ nodePort }) => nodePort));
    const unchanged = (spec.ports ?? []).every(({ nodePort }) => !nodePort || had.has(nodePort));
    if (unchanged) for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthPort(before) && !needsHealthPort(spec)) dropUnchanged("healthCheckNodePort");
  if (before.type === "LoadBalancer" && spec.type !== "LoadBalancer") {
    dropUnchanged("allocateLoadBalancerNodePorts");
    dropUnchanged("loadBalancerClass");
  }
  if (isExternal(before) && !isExternal(spec)) dropUnchanged("externalTrafficPolicy");
}

/** An update that leaves out what was allocated keeps it. */
export function carryAddresses(service: Service, old: Service): void {
  const spec = service.spec!;
  const before = old.spec ?? {};
  if (needsAddress(before) && needsAddress(spec)) {
    if (!spec.clusterIP && !spec.clusterIPs?.length) {
      if (before.clusterIP) spec.clusterIP = before.clusterIP;
    }
    if (spec.clusterIP === before.clusterIP && !spec.clusterIPs?.length && before.clusterIPs) {
      spec.clusterIPs = [...before.clusterIPs];
    }
  }
  if (needsNodePorts(before) && needsNodePorts(spec)) {
    const used = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0));
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const same = before.ports?.find((one) => one.port === port.port && one.protocol === port.protocol);
      if (!same?.nodePort || used.has(same.nodePort)) continue;
      port.nodePort = same.nodePort;
      used.add(same.nodePort);
    }
  }
  if (needsHealthPort(before) && needsHealthPort(spec) && before.healthCheckNodePort) {
    spec.healthCheckNodePort ||= before.healthCheckNodePort;
  }
}

/** Brings clusterIP and clusterIPs together, and settles which IP families the Service has. Throws a 422. */
export function settleFamilies(service: Service, old: Service | undefined, families: readonly IpFamily[]): void {
  const spec = service.spec!;
  if (!needsAddress(spec)) return;
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  else if (old && spec.clusterIP && spec.clusterIP !== old.spec?.clusterIP && unchangedIps(spec, old)) {
    spec.clusterIPs = [spec.clusterIP];
  }
  const headless = spec.clusterIP === "None";
  const withoutSelector = headless && Object.keys(spec.selector ?? {}).length === 0;
  const chosen = (spec.clusterIPs ?? []).map(familyOf).filter((family) => family !== undefined);
  const wanted = new Set<string>([...(spec.ipFamilies ?? []), ...chosen]);
  if (!spec.ipFamilyPolicy) {
    const dual = withoutSelector || wanted.size > 1 || chosen.length > 1;
    spec.ipFamilyPolicy = dual ? "RequireDualStack" : "SingleStack";
  }
  if (!spec.ipFamilies?.length) spec.ipFamilies = chosen.length > 0 ? [...new Set(chosen)] : [families[0]!];
  // A headless Service without a selector names its endpoints by hand: both families, whatever the cluster has.
  const available: readonly string[] = withoutSelector ? ["IPv4", "IPv6"] : families;
  const other = available.find((family) => !spec.ipFamilies!.includes(family));
  if (spec.ipFamilyPolicy !== "SingleStack" && spec.ipFamilies.length === 1 && other) spec.ipFamilies.push(other);
  if (spec.ipFamilyPolicy === "SingleStack" && old && spec.ipFamilies.length > 1) {
    spec.ipFamilies = [spec.ipFamilies[0]!];
    if (spec.clusterIPs && spec.clusterIPs.length > 1) spec.clusterIPs = [spec.clusterIPs[0]!];
  }
  checkFamilies(service, available);
}

const unchangedIps = (spec: ServiceSpec, old: Service) =>
  JSON.stringify(spec.clusterIPs) === JSON.stringify(old.spec?.clusterIPs);

function checkFamilies(service: Service, available: readonly string[]): void {
  const spec = service.spec!;
  const errors = (spec.ipFamilies ?? []).flatMap((family, index) =>
    available.includes(family) || (family !== "IPv4" && family !== "IPv6")
      ? []
      : [invalidField(`spec.ipFamilies[${index}]`, family, "not configured on this cluster")],
  );
  if (spec.ipFamilyPolicy === "RequireDualStack" && available.length < 2) {
    errors.push(
      invalidField(
        "spec.ipFamilyPolicy",
        spec.ipFamilyPolicy,
        "this cluster is not configured for dual-stack services",
      ),
    );
  }
  if (errors.length === 0) return;
  const causes = errors.map(({ type, field, message }) => ({ reason: type, message, field }));
  throw invalid({ group: "", kind: "Service" }, service.metadata?.name ?? "", causes);
}
