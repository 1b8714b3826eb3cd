import { checkDnsSubdomain, checkPortNumber } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { LoadBalancerStatus, Service, ServicePort, ServiceSpec } from "../../types/core.v1.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { isDualStack, parseIp, validateLegacyCidr, validateLegacyIp, validateNonSpecialIp } from "../ip-checks.ts";
import { validateLabels } from "../label-checks.ts";
import {
  addProblems,
  validateEnum,
  validateLabelName,
  validateOptionalEnum,
  validateQualifiedName,
  validateSubdomain,
} from "../value-checks.ts";
import { PROTOCOLS } from "./container-validation.ts";
import { validatePort } from "./probe-validation.ts";
import { isExternallyAccessible, isHeadless, needsClusterIP, needsHealthCheckPort } from "./service-allocation.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const IP_FAMILIES = ["IPv4", "IPv6"];
const IP_FAMILY_POLICIES = ["PreferDualStack", "RequireDualStack", "SingleStack"];
const DISTRIBUTIONS = ["PreferClose", "PreferSameNode", "PreferSameZone"];
const SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges";
const HINTS = "service.kubernetes.io/topology-aware-hints";
const MODE = "service.kubernetes.io/topology-mode";
/** A day. */
const LONGEST_AFFINITY_SECONDS = 86_400;

export function validateService(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const spec = service.spec!;
  const annotations = service.metadata?.annotations ?? {};
  if (annotations[MODE] !== undefined && annotations[HINTS] !== undefined && annotations[MODE] !== annotations[HINTS]) {
    const detail = `must match annotations[${HINTS}] when both are specified`;
    errors.push(invalid(at("metadata.annotations", MODE), annotations[MODE], detail));
  }
  const headless = isHeadless(spec);
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !headless && spec.type !== "ExternalName") errors.push(required("spec.ports"));
  if (headless && (spec.type === "LoadBalancer" || spec.type === "NodePort")) {
    errors.push(invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`));
  }
  if (spec.type === "ExternalName") validateExternalName(spec, errors);
  validatePorts(ports, errors);
  validateLabels(spec.selector, "spec.selector", errors);
  validateAffinity(spec, errors);
  validateClusterIPs(spec, errors);
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    const field = at("spec.externalIPs", index);
    const before = errors.length;
    validateLegacyIp(ip, field, errors);
    if (errors.length === before) validateNonSpecialIp(ip, field, errors);
  }
  validateEnum(spec.type, TYPES, "spec.type", errors);
  validateUniquePorts(spec, errors);
  validateSourceRanges(spec, annotations[SOURCE_RANGES], errors);
  const balanced = spec.type === "LoadBalancer";
  const onlyBalanced = "may only be used when `type` is 'LoadBalancer'";
  if (spec.allocateLoadBalancerNodePorts != null && !balanced) {
    errors.push(forbidden("spec.allocateLoadBalancerNodePorts", onlyBalanced));
  }
  if (spec.loadBalancerClass != null) {
    if (balanced) validateQualifiedName(spec.loadBalancerClass, "spec.loadBalancerClass", errors);
    else errors.push(forbidden("spec.loadBalancerClass", onlyBalanced));
  }
  validateTrafficPolicies(spec, errors);
  return errors;
}

function validateExternalName(spec: ServiceSpec, errors: FieldError[]): void {
  const detail = "may not be set for ExternalName services";
  if (spec.clusterIPs?.length) errors.push(forbidden("spec.clusterIPs", detail));
  if (spec.ipFamilies?.length) errors.push(forbidden("spec.ipFamilies", detail));
  if (spec.ipFamilyPolicy != null) errors.push(forbidden("spec.ipFamilyPolicy", detail));
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  if (name === "") errors.push(required("spec.externalName"));
  else validateSubdomain(name, "spec.externalName", errors);
}

function validatePorts(ports: readonly ServicePort[], errors: FieldError[]): void {
  const names = new Set<string>();
  for (const [index, { name, port, protocol, targetPort, appProtocol }] of ports.entries()) {
    const field = at("spec.ports", index);
    if (!name) {
      if (ports.length > 1) errors.push(required(child(field, "name")));
    } else {
      validateLabelName(name, child(field, "name"), errors);
      if (names.has(name)) errors.push(duplicate(child(field, "name"), name));
      names.add(name);
    }
    addProblems(checkPortNumber(port ?? 0), child(field, "port"), port ?? 0, errors);
    validateEnum(protocol, PROTOCOLS, child(field, "protocol"), errors);
    validatePort(targetPort, child(field, "targetPort"), errors);
    if (appProtocol != null) validateQualifiedName(appProtocol, child(field, "appProtocol"), errors);
  }
}

function validateAffinity(spec: ServiceSpec, errors: FieldError[]): void {
  validateEnum(spec.sessionAffinity, ["ClientIP", "None"], "spec.sessionAffinity", errors);
  const path = "spec.sessionAffinityConfig";
  if (spec.sessionAffinity === "None" && spec.sessionAffinityConfig) {
    errors.push(forbidden(path, "must not be set when session affinity is None"));
  }
  if (spec.sessionAffinity !== "ClientIP") return;
  const detail = "when session affinity type is ClientIP";
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (!spec.sessionAffinityConfig) errors.push(required(path, detail));
  else if (!spec.sessionAffinityConfig.clientIP) errors.push(required(child(path, "clientIP"), detail));
  else if (seconds == null) errors.push(required(child(path, "clientIP", "timeoutSeconds"), detail));
  else if (seconds <= 0 || seconds > LONGEST_AFFINITY_SECONDS) {
    const bounds = `must be greater than 0 and less than ${LONGEST_AFFINITY_SECONDS}`;
    errors.push(invalid(child(path, "clientIP", "timeoutSeconds"), seconds, bounds));
  }
}

/** `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` tell one story. */
function validateClusterIPs(spec: ServiceSpec, errors: FieldError[]): void {
  if (spec.type === "ExternalName") return;
  const { clusterIP, clusterIPs = [], ipFamilies = [] } = spec;
  const path = "spec.clusterIPs";
  if (clusterIP) {
    if (clusterIPs.length === 0) errors.push(required(path));
    else if (clusterIPs[0] !== clusterIP) {
      errors.push(invalid(path, clusterIPs, "first value must match `clusterIP`"));
    }
  } else if (clusterIPs.length > 0) {
    errors.push(invalid(path, clusterIPs, "must be empty when `clusterIP` is not specified"));
  }
  for (const [index, family] of ipFamilies.entries()) {
    const field = at("spec.ipFamilies", index);
    if (!IP_FAMILIES.includes(family)) errors.push(notSupported(field, family, IP_FAMILIES));
    if (ipFamilies.indexOf(family) < index) errors.push(duplicate(field, family));
  }
  validateOptionalEnum(spec.ipFamilyPolicy, IP_FAMILY_POLICIES, "spec.ipFamilyPolicy", errors);
  const before = errors.length;
  for (const [index, ip] of clusterIPs.entries()) {
    if (index === 0 && ip === "None") {
      if (clusterIPs.length > 1) errors.push(invalid(path, clusterIPs, "'None' must be the first and only value"));
    } else validateLegacyIp(ip, at(path, index), errors);
  }
  const sound = errors.length === before;
  if (clusterIPs.length > 2) errors.push(invalid(path, clusterIPs, "may only hold up to 2 values"));
  if (!sound) return;
  if (clusterIPs.length > 1 && !isDualStack(clusterIPs)) {
    errors.push(invalid(path, clusterIPs, "may specify no more than one IP for each IP family"));
  }
  if (isHeadless(spec)) return;
  for (const [index, ip] of clusterIPs.entries()) {
    const family = ipFamilies[index];
    if (family === undefined || parseIp(ip)?.family === family) continue;
    errors.push(invalid(at(path, index), ip, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``));
  }
}

function validateUniquePorts({ ports = [], type }: ServiceSpec, errors: FieldError[]): void {
  if (type === "ClusterIP") {
    for (const [index, { nodePort }] of ports.entries()) {
      const field = child(at("spec.ports", index), "nodePort");
      if (nodePort) errors.push(forbidden(field, "may not be used when `type` is 'ClusterIP'"));
    }
  }
  const nodePorts = new Set<string>();
  for (const [index, { protocol, nodePort }] of ports.entries()) {
    if (!nodePort) continue;
    const key = `${protocol}/${nodePort}`;
    if (nodePorts.has(key)) errors.push(duplicate(child(at("spec.ports", index), "nodePort"), nodePort));
    nodePorts.add(key);
  }
  const seen = new Set<string>();
  for (const [index, { protocol, port }] of ports.entries()) {
    const key = `${protocol}/${port}`;
    if (seen.has(key)) {
      // The port as upstream prints it here: its own struct, of which only these two fields are looked at.
      const shown = { Name: "", Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
      errors.push(duplicate(at("spec.ports", index), shown));
    }
    seen.add(key);
  }
}

function validateSourceRanges(spec: ServiceSpec, annotation: string | undefined, errors: FieldError[]): void {
  const fromField = (spec.loadBalancerSourceRanges?.length ?? 0) > 0;
  if (!fromField && annotation === undefined) return;
  const path = fromField ? "spec.LoadBalancerSourceRanges" : at("metadata.annotations", SOURCE_RANGES);
  if (spec.type !== "LoadBalancer") {
    errors.push(forbidden(path, "may only be used when `type` is 'LoadBalancer'"));
  }
  if (fromField) {
    for (const [index, range] of spec.loadBalancerSourceRanges!.entries()) {
      validateLegacyCidr(range.trim(), at(path, index), errors);
    }
  } else if (annotation!.trim() !== "") {
    for (const range of annotation!.trim().split(",")) validateLegacyCidr(range.trim(), path, errors);
  }
}

function validateTrafficPolicies(spec: ServiceSpec, errors: FieldError[]): void {
  const policy = spec.externalTrafficPolicy;
  const field = "spec.externalTrafficPolicy";
  if (!isExternallyAccessible(spec)) {
    if (policy) errors.push(invalid(field, policy, "may only be set for externally-accessible services"));
  } else validateEnum(policy, ["Cluster", "Local"], field, errors);
  const port = spec.healthCheckNodePort;
  if (!needsHealthCheckPort(spec)) {
    if (port) {
      const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
      errors.push(invalid("spec.healthCheckNodePort", port, detail));
    }
  } else if (!port) errors.push(required("spec.healthCheckNodePort"));
  else addProblems(checkPortNumber(port), "spec.healthCheckNodePort", port, errors);
  const internal = spec.internalTrafficPolicy;
  if (internal == null && needsClusterIP(spec)) errors.push(required("spec.internalTrafficPolicy"));
  validateOptionalEnum(internal, ["Cluster", "Local"], "spec.internalTrafficPolicy", errors);
  validateOptionalEnum(spec.trafficDistribution, DISTRIBUTIONS, "spec.trafficDistribution", errors);
}

/** Primary address and family stay; a second may come and go. Changes from and to ExternalName are free. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors: FieldError[] = [];
  const spec = service.spec!;
  const before = old.spec!;
  if (spec.type !== "ExternalName" && before.type !== "ExternalName") {
    const headless = isHeadless(spec);
    const wasHeadless = isHeadless(before);
    if (!headless || !wasHeadless) validateAddressChange(spec, before, errors);
    if (!headless && !wasHeadless) validateFamilyChange(spec, before, errors);
  }
  if (spec.type === "LoadBalancer" && before.type === "LoadBalancer") {
    if ((spec.loadBalancerClass ?? null) !== (before.loadBalancerClass ?? null)) {
      errors.push(invalid("spec.loadBalancerClass", spec.loadBalancerClass ?? null, "may not change once set"));
    }
  }
  if (needsHealthCheckPort(spec) && needsHealthCheckPort(before)) {
    if (spec.healthCheckNodePort !== before.healthCheckNodePort) {
      errors.push(forbidden("spec.healthCheckNodePort", "field is immutable"));
    }
  }
  return errors;
}

function validateAddressChange(spec: ServiceSpec, { clusterIPs: old = [] }: ServiceSpec, errors: FieldError[]): void {
  const { clusterIPs = [], ipFamilyPolicy } = spec;
  const changed = (index: number) =>
    errors.push(invalid(at("spec.clusterIPs", index), clusterIPs, "may not change once set"));
  if (old.length === clusterIPs.length) {
    for (const [index, ip] of old.entries()) if (ip !== clusterIPs[index]) changed(index);
    return;
  }
  if (old.length > 0 && clusterIPs.length === 0) {
    errors.push(invalid("spec.clusterIPs[0]", clusterIPs, "primary clusterIP can not be unset"));
  }
  if (old.length > 0 && clusterIPs.length > 0 && clusterIPs[0] !== old[0]) changed(0);
  if (old.length > clusterIPs.length && clusterIPs.length === 1 && ipFamilyPolicy !== "SingleStack") {
    const detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
    errors.push(invalid("spec.ipFamilyPolicy", ipFamilyPolicy ?? null, detail));
  }
}

function validateFamilyChange(spec: ServiceSpec, { ipFamilies: old = [] }: ServiceSpec, errors: FieldError[]): void {
  const { ipFamilies = [], clusterIPs = [], ipFamilyPolicy } = spec;
  const field = "spec.ipFamilies[0]";
  if (old.length === ipFamilies.length) {
    for (const [index, family] of old.entries()) {
      if (family !== ipFamilies[index]) errors.push(invalid(field, ipFamilies, "may not change once set"));
    }
    return;
  }
  if (old.length > ipFamilies.length && clusterIPs.length === 0) {
    errors.push(invalid(field, ipFamilies, "primary ipFamily can not be unset"));
  }
  if (old.length > 0 && ipFamilies.length > 0 && ipFamilies[0] !== old[0]) {
    errors.push(invalid(field, clusterIPs, "may not change once set"));
  }
  if (old.length > ipFamilies.length && ipFamilies.length === 1 && ipFamilyPolicy !== "SingleStack") {
    const detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
    errors.push(invalid("spec.ipFamilyPolicy", ipFamilyPolicy ?? null, detail));
  }
}

/** Where the load balancer of a service (or an ingress) is reached. */
export function validateLoadBalancerStatus(
  status: LoadBalancerStatus | undefined,
  balanced: boolean,
  errors: FieldError[],
): void {
  const path = "status.loadBalancer.ingress";
  const ingresses = status?.ingress ?? [];
  if (!balanced && ingresses.length > 0) {
    errors.push(forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'"));
    return;
  }
  for (const [index, { ip, ipMode, hostname }] of ingresses.entries()) {
    const field = at(path, index);
    if (ip) {
      validateLegacyIp(ip, child(field, "ip"), errors);
      if (ipMode == null) errors.push(required(child(field, "ipMode"), "must be specified when `ip` is set"));
      else validateOptionalEnum(ipMode, ["Proxy", "VIP"], child(field, "ipMode"), errors);
    } else if (ipMode != null) {
      errors.push(forbidden(child(field, "ipMode"), "may not be specified when `ip` is not set"));
    }
    if (!hostname) continue;
    addProblems(checkDnsSubdomain(hostname), child(field, "hostname"), hostname, errors);
    if (parseIp(hostname)) {
      errors.push(invalid(child(field, "hostname"), hostname, "must be a DNS name, not an IP address"));
    }
  }
}
