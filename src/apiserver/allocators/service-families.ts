import { jsonEqual } from "../../api/json-equal.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { isHeadless, needsClusterIP } from "../../api/resources/core/service-allocation.ts";
import { invalid as invalidField } from "../../api/resources/field-errors.ts";
import { invalid } from "../../api/status-error.ts";
import type { Service, ServiceSpec } from "../../api/types/core.v1.ts";
import { familyOf, type IpFamily } from "../../base/ip-range.ts";

const OTHER: Readonly<Record<string, IpFamily>> = { IPv4: "IPv6", IPv6: "IPv4" };

/**
 * Settles which IP families a Service has (KEP-563), before its addresses are taken: from what it asks for, what it had,
 * and what the cluster has (`families`; the first is the default). Throws a 422.
 *
 *     policy            cluster IPv4        cluster IPv4, IPv6
 *     SingleStack       [IPv4]              [IPv4]
 *     PreferDualStack   [IPv4]              [IPv4, IPv6]
 *     RequireDualStack  refused             [IPv4, IPv6]
 */
export function settleFamilies(service: Service, old: Service | undefined, families: readonly IpFamily[]): void {
  const spec = service.spec!;
  if (!needsClusterIP(spec)) return;
  // A cluster that gains or loses a family does not change the Services that merely prefer two.
  if (old?.spec && staysPreferred(spec, old.spec)) return;
  const withoutSelector = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.spec?.ipFamilyPolicy ?? (withoutSelector ? "RequireDualStack" : "SingleStack");
  if (old?.spec) refuse(service, releaseSecond(spec, old.spec));
  refuse(service, checkSingle(spec));
  refuse(service, inferFamilies(spec, families));

  // A headless Service without a selector names its endpoints by hand: both families, whatever the cluster has.
  if (!withoutSelector) refuse(service, checkConfigured(spec, families));
  spec.ipFamilies = spec.ipFamilies?.length ? spec.ipFamilies : [families[0]!];
  const second = OTHER[spec.ipFamilies[0]!];
  const available = withoutSelector || families.length === 2;
  if (spec.ipFamilyPolicy !== "SingleStack" && spec.ipFamilies.length === 1 && second && available) {
    spec.ipFamilies = [...spec.ipFamilies, second];
  }
}

const same = (a: readonly string[] | undefined, b: readonly string[] | undefined) => jsonEqual(a ?? [], b ?? []);

function staysPreferred(spec: ServiceSpec, before: ServiceSpec): boolean {
  return (
    spec.ipFamilyPolicy === "PreferDualStack" &&
    before.ipFamilyPolicy === "PreferDualStack" &&
    needsClusterIP(before) &&
    same(spec.clusterIPs, before.clusterIPs) &&
    same(spec.ipFamilies, before.ipFamilies)
  );
}

/** Turning to a single family drops the second address; nothing else may. */
function releaseSecond(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy === "SingleStack") {
    if (spec.clusterIPs && spec.clusterIPs.length > 1 && same(spec.clusterIPs, before.clusterIPs)) {
      spec.clusterIPs = spec.clusterIPs.slice(0, 1);
    }
    if (spec.ipFamilies && spec.ipFamilies.length > 1 && same(spec.ipFamilies, before.ipFamilies)) {
      spec.ipFamilies = spec.ipFamilies.slice(0, 1);
    }
    return [];
  }
  const reduced = (now: readonly string[] | undefined, then: readonly string[] | undefined) =>
    now?.length === 1 && then?.length === 2 && now[0] === then[0];
  const errors: FieldError[] = [];
  const must = (what: string) =>
    errors.push(invalidField(POLICY, spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`));
  if (reduced(spec.clusterIPs, before.clusterIPs)) must("cluster IP");
  if (reduced(spec.ipFamilies, before.ipFamilies)) must("IP family");
  return errors;
}

function checkSingle(spec: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy !== "SingleStack") return [];
  const errors: FieldError[] = [];
  const must = (what: string) => {
    const detail = `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
    errors.push(invalidField(POLICY, spec.ipFamilyPolicy, detail));
  };
  if (spec.clusterIPs?.length === 2) must("cluster IPs");
  if (spec.ipFamilies?.length === 2) must("IP families");
  return errors;
}

/** Addresses that were chosen say which families are meant. */
function inferFamilies(spec: ServiceSpec, families: readonly IpFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  const inferred = [...(spec.ipFamilies ?? [])];
  for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
    // What is no address is left to validation.
    const family = familyOf(address);
    if (!family || index < inferred.length) continue;
    if (families.includes(family)) inferred.push(family);
    else {
      const detail = `${family} is not configured on this cluster`;
      errors.push(invalidField(`spec.clusterIPs[${index}]`, spec.clusterIPs, detail));
    }
  }
  if (inferred.length > 0) spec.ipFamilies = inferred;
  return errors;
}

function checkConfigured(spec: ServiceSpec, families: readonly IpFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === "RequireDualStack" && families.length < 2) {
    const detail = "this cluster is not configured for dual-stack services";
    errors.push(invalidField(POLICY, spec.ipFamilyPolicy, detail));
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    // What is no family is left to validation.
    if (!(family in OTHER) || (families as readonly string[]).includes(family)) continue;
    errors.push(invalidField(`spec.ipFamilies[${index}]`, family, "not configured on this cluster"));
  }
  return errors;
}

const POLICY = "spec.ipFamilyPolicy";

function refuse(service: Service, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const causes = errors.map(({ type, field, message }) => ({ reason: type, message, field }));
  throw invalid({ group: "", kind: "Service" }, service.metadata?.name ?? "", causes);
}
