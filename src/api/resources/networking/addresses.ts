import { jsonEqual } from "../../json-equal.ts";
import { checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { ipAddresses, serviceCIDRs } from "../../resource-types.ts";
import type { IPAddress, ServiceCIDR } from "../../types/networking.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { at, child, invalid, required } from "../field-errors.ts";
import { parseCidr, validateCidr, validateIp } from "../ip-checks.ts";
import { validateReferenceName } from "../reference-checks.ts";
import { sameShape } from "../same-shape.ts";
import { addProblems, IMMUTABLE } from "../value-checks.ts";

const inBeta = { v1beta1: sameShape("networking.k8s.io", "v1beta1", "v1") };

/** Who has an address: KEP-1880. The name is the address. */
export const ipAddress = define<IPAddress>({
  conversions: inBeta,
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
  validate(address) {
    const errors: FieldError[] = [];
    if (address.metadata?.name) validateIp(address.metadata.name, "metadata.name", errors);
    const parent = address.spec?.parentRef;
    const path = "spec.parentRef";
    if (!parent) return [...errors, required(path)];
    if (parent.group) addProblems(checkDnsSubdomain(parent.group), child(path, "group"), parent.group, errors);
    validateReferenceName(parent.resource, child(path, "resource"), errors);
    validateReferenceName(parent.name, child(path, "name"), errors);
    if (parent.namespace) validateReferenceName(parent.namespace, child(path, "namespace"), errors);
    return errors;
  },
  validateUpdate({ spec }, old) {
    const same = jsonEqual(spec?.parentRef, old.spec?.parentRef);
    return same ? [] : [invalid("spec.parentRef", spec?.parentRef, IMMUTABLE)];
  },
});

const CIDRS = "spec.cidrs";

/** A range that cluster IPs are taken from. It may grow a second family, nothing else. */
export const serviceCIDR = define<ServiceCIDR>({
  conversions: inBeta,
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
  validateCreate: ({ spec }) => validateCidrs(spec?.cidrs ?? []),
  validateUpdate({ spec }, old) {
    const cidrs = spec?.cidrs ?? [];
    const before = old.spec?.cidrs ?? [];
    const grows = before.length === 1 && cidrs.length === 2;
    if (cidrs.length !== before.length && !grows) return [invalid(CIDRS, cidrs, IMMUTABLE)];
    const errors: FieldError[] = [];
    for (const [index, cidr] of before.entries()) {
      if (cidr !== cidrs[index]) errors.push(invalid(at(CIDRS, index), cidrs[index], IMMUTABLE));
    }
    return grows ? [...errors, ...validateCidrs(cidrs)] : errors;
  },
  hasStatus: true,
  generation: false,
});

function validateCidrs(cidrs: readonly string[]): FieldError[] {
  if (cidrs.length === 0) return [required(CIDRS, "at least one CIDR required")];
  if (cidrs.length > 2) return [invalid(CIDRS, { cidrs }, "may only hold up to 2 values")];
  const errors: FieldError[] = [];
  for (const [index, cidr] of cidrs.entries()) validateCidr(cidr, at(CIDRS, index), errors);
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.ip.family);
  if (first !== undefined && first === second) {
    const detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
    errors.push(invalid(CIDRS, cidrs, detail));
  }
  return errors;
}
