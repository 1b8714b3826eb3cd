import {
  checkDnsSubdomain,
  checkPortName,
  checkPortNumber,
  checkServiceName,
  checkWildcardSubdomain,
} from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressServiceBackend,
  IngressTLS,
} from "../../types/networking.v1.ts";
import { at, child, invalid, notSupported, required } from "../field-errors.ts";
import { parseIp, validateLegacyIp } from "../ip-checks.ts";
import { validateGroupReference } from "../reference-checks.ts";
import { addProblems } from "../value-checks.ts";

/** Named the class before there was a field for it. */
export const CLASS_ANNOTATION = "kubernetes.io/ingress.class";
const PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"];
const FORBIDDEN_SEQUENCES = ["//", "/./", "/../", "%2f", "%2F"];
const FORBIDDEN_ENDS = ["/..", "/."];

export function validateIngress({ spec = {} }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  if (rules.length === 0 && !defaultBackend) {
    errors.push(invalid("spec", spec.rules ?? null, "either `defaultBackend` or `rules` must be specified"));
  }
  if (defaultBackend) validateBackend(defaultBackend, "spec.defaultBackend", errors);
  for (const [index, rule] of rules.entries()) validateRule(rule, at("spec.rules", index), errors);
  for (const [index, entry] of tls.entries()) validateTls(entry, at("spec.tls", index), errors);
  if (ingressClassName != null) {
    addProblems(checkDnsSubdomain(ingressClassName), "spec.ingressClassName", ingressClassName, errors);
  }
  return errors;
}

/** Of the field and the annotation that it replaced, a new Ingress may have both only where they agree. */
export function validateIngressCreate({ metadata, spec }: Ingress): FieldError[] {
  const annotation = metadata?.annotations?.[CLASS_ANNOTATION];
  const name = spec?.ingressClassName;
  if (annotation === undefined || name == null || annotation === name) return [];
  const detail = "must match `ingressClassName` when both are specified";
  return [invalid(child("annotations", CLASS_ANNOTATION), annotation, detail)];
}

function validateHost(host: string, path: string, errors: FieldError[]): void {
  const check = host.includes("*") ? checkWildcardSubdomain : checkDnsSubdomain;
  addProblems(check(host), path, host, errors);
}

function validateTls({ hosts, secretName }: IngressTLS, path: string, errors: FieldError[]): void {
  for (const [index, host] of (hosts ?? []).entries()) validateHost(host, at(child(path, "hosts"), index), errors);
  if (secretName) addProblems(checkDnsSubdomain(secretName), child(path, "secretName"), secretName, errors);
}

function validateRule({ host, http }: IngressRule, path: string, errors: FieldError[]): void {
  if (host) {
    if (parseIp(host)) errors.push(invalid(child(path, "host"), host, "must be a DNS name, not an IP address"));
    validateHost(host, child(path, "host"), errors);
  }
  if (!http) return;
  const field = child(path, "http", "paths");
  if (!http.paths?.length) errors.push(required(field));
  for (const [index, entry] of (http.paths ?? []).entries()) validatePath(entry, at(field, index), errors);
}

function validatePath(
  { path: text = "", pathType, backend }: HTTPIngressPath,
  path: string,
  errors: FieldError[],
): void {
  if (pathType == null) {
    errors.push(required(child(path, "pathType"), "pathType must be specified"));
    return;
  }
  const field = child(path, "path");
  switch (pathType) {
    case "Exact":
    case "Prefix":
      if (!text.startsWith("/")) errors.push(invalid(field, text, "must be an absolute path"));
      for (const sequence of FORBIDDEN_SEQUENCES) {
        if (text.includes(sequence)) errors.push(invalid(field, text, `must not contain '${sequence}'`));
      }
      for (const end of FORBIDDEN_ENDS) {
        if (text.endsWith(end)) errors.push(invalid(field, text, `cannot end with '${end}'`));
      }
      break;
    case "ImplementationSpecific":
      if (text !== "" && !text.startsWith("/")) errors.push(invalid(field, text, "must be an absolute path"));
      break;
    default:
      errors.push(notSupported(child(path, "pathType"), pathType, PATH_TYPES));
  }
  validateBackend(backend ?? {}, child(path, "backend"), errors);
}

function validateBackend({ resource, service }: IngressBackend, path: string, errors: FieldError[]): void {
  if (resource && service) errors.push(invalid(path, "", "cannot set both resource and service backends"));
  else if (resource) validateGroupReference(resource, child(path, "resource"), errors);
  else if (service) validateServiceBackend(service, path, errors);
  else errors.push(invalid(path, "", "resource or service backend is required"));
}

function validateServiceBackend({ name, port }: IngressServiceBackend, path: string, errors: FieldError[]): void {
  const field = child(path, "service");
  if (!name) errors.push(required(child(field, "name")));
  else addProblems(checkServiceName(name), child(field, "name"), name, errors);
  if (port?.name && port.number) errors.push(invalid(path, "", "cannot set both port name & port number"));
  else if (port?.name) addProblems(checkPortName(port.name), child(field, "port", "name"), port.name, errors);
  else if (port?.number) addProblems(checkPortNumber(port.number), child(field, "port", "number"), port.number, errors);
  else errors.push(required(path, "port name or number is required"));
}

export function validateIngressStatus({ status }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, { ip, hostname }] of (status?.loadBalancer?.ingress ?? []).entries()) {
    const path = at("status.loadBalancer.ingress", index);
    if (ip) validateLegacyIp(ip, child(path, "ip"), errors);
    if (!hostname) continue;
    addProblems(checkDnsSubdomain(hostname), child(path, "hostname"), hostname, errors);
    if (parseIp(hostname)) {
      errors.push(invalid(child(path, "hostname"), hostname, "must be a DNS name, not an IP address"));
    }
  }
  return errors;
}
