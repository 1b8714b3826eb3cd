import { jsonEqual } from "../../json-equal.ts";
import type { Service } from "../../types/core.v1.ts";
import { at } from "../field-errors.ts";
import { cidrWarnings, ipWarnings } from "../ip-checks.ts";
import { isHeadless } from "./service-allocation.ts";

const HINTS = "service.kubernetes.io/topology-aware-hints";

/** What clients are told about fields of a service that do nothing, or are written oddly. */
export function serviceWarnings({ metadata, spec = {} }: Service, old: Service | undefined): string[] {
  if (old && jsonEqual(spec, old.spec)) return [];
  const warnings: string[] = [];
  if (metadata?.annotations?.[HINTS] !== undefined) {
    warnings.push(`annotation ${HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  }
  const { type, clusterIPs = [], externalIPs = [], loadBalancerIP, loadBalancerSourceRanges = [] } = spec;
  for (const [index, ip] of clusterIPs.entries()) warnings.push(...ipWarnings(ip, at("spec.clusterIPs", index)));
  const headless = isHeadless(spec);
  if (headless) {
    const ignored = "is ignored for headless services";
    if (loadBalancerIP) warnings.push(`spec.loadBalancerIP ${ignored}`);
    if (externalIPs.length > 0) warnings.push(`spec.externalIPs ${ignored}`);
    if (spec.sessionAffinity !== "None") warnings.push(`spec.SessionAffinity ${ignored}`);
  }
  for (const [index, ip] of externalIPs.entries()) warnings.push(...ipWarnings(ip, at("spec.externalIPs", index)));
  if (externalIPs.length > 0 && !headless && type !== "ExternalName") {
    warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  }
  if (loadBalancerIP) warnings.push(...ipWarnings(loadBalancerIP, "spec.loadBalancerIP"));
  for (const [index, range] of loadBalancerSourceRanges.entries()) {
    warnings.push(...cidrWarnings(range, at("spec.loadBalancerSourceRanges", index)));
  }
  if (type === "ExternalName" && externalIPs.length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (type !== "ExternalName" && spec.externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  if (spec.trafficDistribution === "PreferClose") {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  }
  return warnings;
}
