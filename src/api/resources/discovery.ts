import { checkDnsSubdomain, checkLabelValue } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { endpointSlices } from "../resource-types.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "../types/discovery.v1.ts";
import { ageColumn, column, listWithMore, nameColumn } from "./columns.ts";
import { PROTOCOLS } from "./core/container-validation.ts";
import { define } from "./define.ts";
import { at, child, duplicate, invalid, required, tooMany } from "./field-errors.ts";
import { parseIp, validateLegacyIp, validateNonSpecialIp } from "./ip-checks.ts";
import { validateLabels } from "./label-checks.ts";
import { validateFullyQualifiedDomain } from "./reference-checks.ts";
import { addProblems, IMMUTABLE, validateEnum, validateLabelName, validateQualifiedName } from "./value-checks.ts";

const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 20_000;
const MAX_ADDRESSES = 100;
const MAX_TOPOLOGY_LABELS = 16;
const MAX_HINTS = 8;

export const endpointSlice = define<EndpointSlice>({
  type: endpointSlices,
  singular: "endpointslice",
  generation: true,
  columns: [
    nameColumn,
    column("AddressType", "What kind of addresses the endpoints have.", ({ addressType }) => addressType ?? ""),
    column("Ports", "Ports that every endpoint of this slice serves.", ({ ports = [] }) => {
      const shown = ports.map(({ port, name }) => String(port ?? name ?? "*"));
      return listWithMore(shown, shown.length, 3) || "<unset>";
    }),
    column("Endpoints", "Addresses of the endpoints.", ({ endpoints }) => {
      const shown = (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []);
      return listWithMore(shown, shown.length, 3) || "<unset>";
    }),
    ageColumn,
  ],
  defaults(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= "";
      port.protocol ??= "TCP";
    }
    for (const endpoint of slice.endpoints ?? []) endpoint.conditions ??= {};
  },
  prepareForCreate(slice) {
    // A field of the beta version, kept only where it already is.
    for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology;
  },
  validate: validateSlice,
  validateUpdate({ addressType }, old) {
    return addressType === old.addressType ? [] : [invalid("addressType", addressType, IMMUTABLE)];
  },
});

function validateSlice({ addressType, endpoints, ports }: EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  validateEnum(addressType, ["FQDN", "IPv4", "IPv6"], "addressType", errors);
  const count = endpoints?.length ?? 0;
  if (count > MAX_ENDPOINTS) errors.push(tooMany("endpoints", count, MAX_ENDPOINTS));
  else {
    for (const [index, endpoint] of (endpoints ?? []).entries()) {
      validateEndpoint(endpoint, addressType, at("endpoints", index), errors);
    }
  }
  validatePorts(ports ?? [], errors);
  return errors;
}

function validateEndpoint(endpoint: Endpoint, addressType: string, path: string, errors: FieldError[]): void {
  const { addresses = [], nodeName, deprecatedTopology, hostname, hints } = endpoint;
  const field = child(path, "addresses");
  if (addresses.length === 0) errors.push(required(field, "must contain at least 1 address"));
  else if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(field, addresses.length, MAX_ADDRESSES));
  for (const [index, address] of addresses.entries()) validateAddress(address, addressType, at(field, index), errors);
  if (nodeName != null) addProblems(checkDnsSubdomain(nodeName), child(path, "nodeName"), nodeName, errors);
  const labels = Object.keys(deprecatedTopology ?? {}).length;
  const topology = child(path, "deprecatedTopology");
  if (labels > MAX_TOPOLOGY_LABELS) errors.push(tooMany(topology, labels, MAX_TOPOLOGY_LABELS));
  validateLabels(deprecatedTopology, topology, errors);
  if (hostname != null) validateLabelName(hostname, child(path, "hostname"), errors);
  if (!hints) return;
  validateHints(hints.forZones, checkLabelValue, child(path, "hints", "forZones"), errors);
  validateHints(hints.forNodes, checkDnsSubdomain, child(path, "hints", "forNodes"), errors);
}

function validateAddress(address: string, addressType: string, path: string, errors: FieldError[]): void {
  if (addressType === "FQDN") validateFullyQualifiedDomain(address, path, errors);
  if (addressType !== "IPv4" && addressType !== "IPv6") return;
  const before = errors.length;
  validateLegacyIp(address, path, errors);
  if (errors.length > before) return;
  if (parseIp(address)?.family !== addressType) {
    errors.push(invalid(path, address, `must be an ${addressType} address`));
  }
  validateNonSpecialIp(address, path, errors);
}

function validateHints(
  hints: readonly { name: string }[] | undefined,
  check: (name: string) => string[],
  path: string,
  errors: FieldError[],
): void {
  const count = hints?.length ?? 0;
  if (count > MAX_HINTS) {
    errors.push(tooMany(path, count, MAX_HINTS));
    return;
  }
  const seen = new Set<string>();
  for (const [index, { name }] of (hints ?? []).entries()) {
    const field = child(at(path, index), "name");
    if (seen.has(name)) errors.push(duplicate(field, name));
    seen.add(name);
    addProblems(check(name ?? ""), field, name ?? "", errors);
  }
}

function validatePorts(ports: readonly EndpointPort[], errors: FieldError[]): void {
  if (ports.length > MAX_PORTS) {
    errors.push(tooMany("ports", ports.length, MAX_PORTS));
    return;
  }
  const names = new Set<string>();
  for (const [index, { name = "", protocol, appProtocol }] of ports.entries()) {
    const path = at("ports", index);
    if (name !== "") validateLabelName(name, child(path, "name"), errors);
    if (names.has(name)) errors.push(duplicate(child(path, "name"), name));
    names.add(name);
    validateEnum(protocol, PROTOCOLS, child(path, "protocol"), errors);
    if (appProtocol != null) validateQualifiedName(appProtocol, child(path, "appProtocol"), errors);
  }
}
