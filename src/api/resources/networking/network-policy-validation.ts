import { checkPortName, checkPortNumber } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from "../../types/networking.v1.ts";
import { at, child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { cidrWarnings, containsNetwork, parseCidr, validateLegacyCidr } from "../ip-checks.ts";
import { validateLabelSelector } from "../label-checks.ts";
import { addProblems } from "../value-checks.ts";

const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const POLICY_TYPES = ["Ingress", "Egress"];

export function validateNetworkPolicy({ spec = {} }: NetworkPolicy): FieldError[] {
  const errors: FieldError[] = [];
  validateLabelSelector(spec.podSelector, "spec.podSelector", errors);
  for (const [index, { ports, from }] of (spec.ingress ?? []).entries()) {
    validateRule(ports, from, "from", at("spec.ingress", index), errors);
  }
  for (const [index, { ports, to }] of (spec.egress ?? []).entries()) {
    validateRule(ports, to, "to", at("spec.egress", index), errors);
  }
  validatePolicyTypes(spec, errors);
  return errors;
}

function validatePolicyTypes({ policyTypes = [] }: NetworkPolicySpec, errors: FieldError[]): void {
  if (policyTypes.length > POLICY_TYPES.length) {
    errors.push(invalid("spec.policyTypes", policyTypes, "may not specify more than two policyTypes"));
    return;
  }
  for (const [index, type] of policyTypes.entries()) {
    if (!POLICY_TYPES.includes(type)) errors.push(notSupported(at("spec.policyTypes", index), type, POLICY_TYPES));
  }
}

function validateRule(
  ports: readonly NetworkPolicyPort[] | undefined,
  peers: readonly NetworkPolicyPeer[] | undefined,
  name: "from" | "to",
  path: string,
  errors: FieldError[],
): void {
  for (const [index, port] of (ports ?? []).entries()) validatePort(port, at(child(path, "ports"), index), errors);
  for (const [index, peer] of (peers ?? []).entries()) validatePeer(peer, at(child(path, name), index), errors);
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, path: string, errors: FieldError[]): void {
  if (protocol != null && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(child(path, "protocol"), protocol, PROTOCOLS));
  }
  const end = child(path, "endPort");
  if (port == null) {
    if (endPort != null) errors.push(invalid(end, endPort, "may not be specified when `port` is not specified"));
  } else if (typeof port === "number") {
    addProblems(checkPortNumber(port), child(path, "port"), port, errors);
    if (endPort == null) return;
    if (endPort < port) errors.push(invalid(end, endPort, "must be greater than or equal to `port`"));
    addProblems(checkPortNumber(endPort), end, endPort, errors);
  } else {
    if (endPort != null) errors.push(invalid(end, endPort, "may not be specified when `port` is non-numeric"));
    addProblems(checkPortName(port), child(path, "port"), port, errors);
  }
}

function validatePeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  path: string,
  errors: FieldError[],
): void {
  validateLabelSelector(podSelector, child(path, "podSelector"), errors);
  validateLabelSelector(namespaceSelector, child(path, "namespaceSelector"), errors);
  if (ipBlock) validateBlock(ipBlock, child(path, "ipBlock"), errors);
  const selects = podSelector != null || namespaceSelector != null;
  if (!selects && !ipBlock) errors.push(required(path, "must specify a peer"));
  else if (selects && ipBlock) errors.push(forbidden(path, "may not specify both ipBlock and another peer"));
}

function validateBlock({ cidr, except }: IPBlock, path: string, errors: FieldError[]): void {
  if (!cidr) {
    errors.push(required(child(path, "cidr")));
    return;
  }
  validateLegacyCidr(cidr, child(path, "cidr"), errors);
  const network = parseCidr(cidr);
  if (!network) return;
  for (const [index, text] of (except ?? []).entries()) {
    const field = at(child(path, "except"), index);
    validateLegacyCidr(text, field, errors);
    const hole = parseCidr(text);
    if (hole && (!containsNetwork(network, hole) || network.length >= hole.length)) {
      errors.push(invalid(field, text, "must be a strict subset of `cidr`"));
    }
  }
}

/** What to tell of networks that are written oddly. */
export function networkPolicyWarnings({ spec }: NetworkPolicy): string[] {
  const rules = [
    ...(spec?.ingress ?? []).map(({ from }, index) => ({ peers: from, path: `${at("spec.ingress", index)}.from` })),
    ...(spec?.egress ?? []).map(({ to }, index) => ({ peers: to, path: `${at("spec.egress", index)}.to` })),
  ];
  return rules.flatMap(({ peers = [], path }) =>
    peers.flatMap(({ ipBlock }, index) => {
      const field = child(at(path, index), "ipBlock");
      const except = (ipBlock?.except ?? []).flatMap((text, i) => cidrWarnings(text, at(child(field, "except"), i)));
      return ipBlock ? [...cidrWarnings(ipBlock.cidr, child(field, "cidr")), ...except] : [];
    }),
  );
}
