import { certificatesFromPem, parseCertificate, parseCertificateRequest } from "../../base/x509.ts";
import { semanticEqual } from "../json-equal.ts";
import type { FieldError } from "../resource-definition.ts";
import type { CertificateSigningRequest, CertificateSigningRequestStatus } from "../types/certificates.v1.ts";
import { describeDifference } from "./core/describe-difference.ts";
import { at, child, duplicate, forbidden, goQuote, invalid, notSupported, required } from "./field-errors.ts";
import { validateSignerName } from "./reference-checks.ts";

const USAGES = [
  "any",
  "cert sign",
  "client auth",
  "code signing",
  "content commitment",
  "crl sign",
  "data encipherment",
  "decipher only",
  "digital signature",
  "email protection",
  "encipher only",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "key agreement",
  "key encipherment",
  "microsoft sgc",
  "netscape sgc",
  "ocsp signing",
  "s/mime",
  "server auth",
  "signing",
  "timestamping",
];
const LEGACY_SIGNER = "kubernetes.io/legacy-unknown";
const MIN_SECONDS = 600;

export function validateSigningRequest({ spec, status }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  const { request = "", usages = [], signerName, expirationSeconds } = spec;
  const problem = requestProblem(request);
  if (problem) errors.push(invalid("spec.request", request, problem));
  if (usages.length === 0) errors.push(required("spec.usages", "usages must be provided"));
  for (const [index, usage] of usages.entries()) {
    if (!USAGES.includes(usage)) errors.push(notSupported(at("spec.usages", index), usage, USAGES));
  }
  for (const [index, usage] of usages.entries()) {
    if (usages.indexOf(usage) < index) errors.push(duplicate(at("spec.usages", index), usage));
  }
  if (signerName === LEGACY_SIGNER) {
    const detail = "the legacy signerName is not allowed via this API version";
    errors.push(invalid("spec.signerName", signerName, detail));
  } else validateSignerName(signerName, "spec.signerName", errors);
  if (expirationSeconds != null && expirationSeconds < MIN_SECONDS) {
    const detail = "may not specify a duration less than 600 seconds (10 minutes)";
    errors.push(invalid("spec.expirationSeconds", expirationSeconds, detail));
  }
  validateConditions(status, errors);
  const certificateProblem = status?.certificate ? chainProblem(status.certificate) : undefined;
  if (certificateProblem) errors.push(invalid("status.certificate", "<certificate data>", certificateProblem));
  return errors;
}

/** What keeps this (base64 of PEM) from being a request that is signed by its own key. */
function requestProblem(request: string): string | undefined {
  const pem = Buffer.from(request, "base64").toString("latin1");
  if (!/-----BEGIN CERTIFICATE REQUEST-----/.test(pem)) return "PEM block type must be CERTIFICATE REQUEST";
  try {
    parseCertificateRequest(pem);
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

/** What keeps this (base64 of PEM) from being one certificate or several. */
function chainProblem(certificate: string): string | undefined {
  const pem = Buffer.from(certificate, "base64").toString("latin1");
  for (const [block, type] of pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*/g)) {
    if (type !== "CERTIFICATE") return `only CERTIFICATE PEM blocks are allowed, found ${goQuote(type!)}`;
    if (block.includes(":")) return "no PEM block headers are permitted";
  }
  try {
    const blocks = certificatesFromPem(pem);
    for (const block of blocks) parseCertificate(block);
    return blocks.length > 0 ? undefined : "must contain at least one CERTIFICATE PEM block";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Conditions that are decisions: there or not, never False. */
const DECISIONS = ["Approved", "Denied", "Failed"];

function validateConditions(status: CertificateSigningRequestStatus | undefined, errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [index, { type, status: value }] of (status?.conditions ?? []).entries()) {
    const path = at("status.conditions", index);
    if (!type) errors.push(required(child(path, "type")));
    const allowed = DECISIONS.includes(type) ? ["True"] : ["False", "True", "Unknown"];
    if (!value) errors.push(required(child(path, "status")));
    else if (!allowed.includes(value)) errors.push(notSupported(child(path, "status"), value, allowed));
    if ((type === "Approved" && seen.has("Denied")) || (type === "Denied" && seen.has("Approved"))) {
      const detail = "Approved and Denied conditions are mutually exclusive";
      errors.push(invalid(child(path, "type"), type, detail));
    }
    if (seen.has(type)) errors.push(duplicate(child(path, "type"), type));
    seen.add(type);
  }
}

/** Approvers (`approval`) may decide, signers (`status`) may hand out the certificate, and nobody takes anything back. */
export function validateSigningRequestUpdate(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  part: "approval" | "status" | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const path = "status.conditions";
  const conditions = ({ status }: CertificateSigningRequest, type: string) =>
    (status?.conditions ?? []).filter((condition) => condition.type === type);
  for (const type of DECISIONS) {
    if (conditions(request, type).length >= conditions(old, type).length) continue;
    errors.push(forbidden(path, `updates may not remove a condition of type ${goQuote(type)}`));
  }
  if (part !== "approval") {
    for (const type of ["Approved", "Denied"]) {
      const before = conditions(old, type);
      const after = conditions(request, type);
      if (after.length > before.length) {
        errors.push(forbidden(path, `updates may not add a condition of type ${goQuote(type)}`));
      } else if (after.length === before.length && !semanticEqual(before, after)) {
        const detail = `updates may not modify a condition of type ${goQuote(type)}`;
        errors.push(forbidden(path, `${detail}\n${describeDifference(before, after)}`));
      }
    }
  }
  const had = old.status?.certificate || undefined;
  if ((request.status?.certificate || undefined) === had) return errors;
  if (part !== "status") errors.push(forbidden("status.certificate", "updates may not set certificate content"));
  else if (had) errors.push(forbidden("status.certificate", "updates may not modify existing certificate content"));
  return errors;
}
