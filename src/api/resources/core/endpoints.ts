import { checkPortNumber } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { endpoints as endpointsType } from "../../resource-types.ts";
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from "../../types/core.v1.ts";
import { ageColumn, column, listWithMore, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { at, child, required } from "../field-errors.ts";
import { validateLegacyIp, validateNonSpecialIp } from "../ip-checks.ts";
import {
  addProblems,
  validateEnum,
  validateLabelName,
  validateQualifiedName,
  validateSubdomain,
} from "../value-checks.ts";
import { PROTOCOLS } from "./container-validation.ts";

export const endpoints = define<Endpoints>({
  type: endpointsType,
  singular: "endpoints",
  shortNames: ["ep"],
  defaults(endpoints) {
    for (const subset of endpoints.subsets ?? []) {
      for (const port of subset.ports ?? []) port.protocol ||= "TCP";
    }
  },
  columns: [
    nameColumn,
    column("Endpoints", "Addresses and ports that are ready.", ({ subsets }) => addresses(subsets ?? [])),
    ageColumn,
  ],
  validate({ subsets }) {
    const errors: FieldError[] = [];
    for (const [index, subset] of (subsets ?? []).entries()) validateSubset(subset, at("subsets", index), errors);
    return errors;
  },
  createOnUpdate: true,
});

function addresses(subsets: readonly EndpointSubset[]): string {
  if (subsets.length === 0) return "<none>";
  const all: string[] = [];
  for (const { addresses = [], ports = [] } of subsets) {
    if (ports.length === 0) for (const { ip } of addresses) all.push(ip);
    for (const { port } of ports) {
      for (const { ip } of addresses) all.push(ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`);
    }
  }
  return listWithMore(all, all.length, 3);
}

function validateSubset(
  { addresses, notReadyAddresses, ports }: EndpointSubset,
  path: string,
  errors: FieldError[],
): void {
  if (!addresses?.length && !notReadyAddresses?.length) {
    errors.push(required(path, "must specify `addresses` or `notReadyAddresses`"));
  }
  for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
    for (const [index, address] of (list ?? []).entries())
      validateAddress(address, at(child(path, name), index), errors);
  }
  for (const [index, port] of (ports ?? []).entries()) {
    validatePort(port, ports!.length > 1, at(child(path, "ports"), index), errors);
  }
}

function validateAddress({ ip, hostname, nodeName }: EndpointAddress, path: string, errors: FieldError[]): void {
  validateLegacyIp(ip ?? "", child(path, "ip"), errors);
  if (hostname) validateLabelName(hostname, child(path, "hostname"), errors);
  if (nodeName != null) validateSubdomain(nodeName, child(path, "nodeName"), errors);
  validateNonSpecialIp(ip ?? "", child(path, "ip"), errors);
}

function validatePort(
  { name, port, protocol, appProtocol }: EndpointPort,
  named: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (name) validateLabelName(name, child(path, "name"), errors);
  else if (named) errors.push(required(child(path, "name")));
  addProblems(checkPortNumber(port ?? 0), child(path, "port"), port ?? 0, errors);
  validateEnum(protocol, PROTOCOLS, child(path, "protocol"), errors);
  if (appProtocol != null) validateQualifiedName(appProtocol, child(path, "appProtocol"), errors);
}
