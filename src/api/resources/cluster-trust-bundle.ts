import { certificatesFromPem, parseCertificate } from "../../base/x509.ts";
import { checkDnsSubdomain } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { clusterTrustBundlesCertificatesV1beta1 } from "../resource-types.ts";
import type { ClusterTrustBundle } from "../types/certificates.v1beta1.ts";
import { column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { invalid, tooLong } from "./field-errors.ts";
import { validateSignerName } from "./reference-checks.ts";
import { sameShape } from "./same-shape.ts";
import { addProblems, IMMUTABLE } from "./value-checks.ts";

const BUNDLE = "spec.trustBundle";
const BUNDLE_LIMIT = 1024 * 1024;
/** Stands for a bundle in errors, which are to stay readable. */
const OMITTED = "<value omitted>";

/** Certificates of authorities, of a signer or of nobody in particular (KEP-3257). */
export const clusterTrustBundle = define<ClusterTrustBundle>({
  type: clusterTrustBundlesCertificatesV1beta1,
  singular: "clustertrustbundle",
  columns: [nameColumn, column("SignerName", "Signer that it is of.", ({ spec }) => spec?.signerName || "<none>")],
  nameFormat: "path-segment",
  unconditionalUpdate: false,
  validate({ metadata, spec }) {
    const errors: FieldError[] = [];
    const name = metadata?.name ?? "";
    if (name) validateName(name, spec?.signerName ?? "", errors);
    if (spec?.signerName) validateSignerName(spec.signerName, "spec.signerName", errors);
    return errors;
  },
  validateCreate: ({ spec }) => validateBundle(spec?.trustBundle ?? ""),
  validateUpdate({ spec }, old) {
    // What is not changed was read once: a stricter reader must not keep it from being written.
    const errors = spec?.trustBundle === old.spec?.trustBundle ? [] : validateBundle(spec?.trustBundle ?? "");
    const signer = spec?.signerName ?? "";
    if (signer !== (old.spec?.signerName ?? "")) errors.push(invalid("spec.signerName", signer, IMMUTABLE));
    return errors;
  },
  selectableFields: { "spec.signerName": ({ spec }) => spec?.signerName ?? "" },
  conversions: { v1alpha1: sameShape("certificates.k8s.io", "v1alpha1", "v1beta1") },
});

/** A bundle of a signer has its name as a prefix, in which colons stand for slashes. */
function validateName(name: string, signer: string, errors: FieldError[]): void {
  const path = "metadata.name";
  if (signer === "") {
    if (name.includes(":")) {
      errors.push(invalid(path, name, 'ClusterTrustBundle without signer name must not have ":" in its name'));
    } else addProblems(checkDnsSubdomain(name), path, name, errors);
    return;
  }
  const prefix = `${signer.replaceAll("/", ":")}:`;
  if (name.startsWith(prefix)) addProblems(checkDnsSubdomain(name.slice(prefix.length)), path, name, errors);
  else {
    const detail = `ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`;
    errors.push(invalid(path, name, detail));
  }
}

function validateBundle(pem: string): FieldError[] {
  if (Buffer.byteLength(pem) > BUNDLE_LIMIT) return [tooLong(BUNDLE, BUNDLE_LIMIT)];
  const problems: string[] = [];
  const seen = new Map<string, number[]>();
  let index = 0;
  for (const [block, type] of pem.matchAll(/-----BEGIN ([^\n-]+)-----\n[\s\S]*?-----END \1-----/g)) {
    const problem = blockProblem(block, type!);
    if (problem) problems.push(`entry ${index} ${problem}`);
    else {
      const key = block.replace(/\s/g, "");
      seen.set(key, [...(seen.get(key) ?? []), index]);
    }
    index++;
  }
  if (problems.length === 0) {
    if (seen.size === 0) problems.push("at least one trust anchor must be provided");
    for (const indices of seen.values()) {
      if (indices.length > 1) problems.push(`duplicate trust anchor (indices [${indices.join(" ")}])`);
    }
  }
  return problems.map((problem) => invalid(BUNDLE, OMITTED, problem));
}

function blockProblem(block: string, type: string): string | undefined {
  if (type !== "CERTIFICATE") return `has bad block type: ${type}`;
  if (/^[^\n]*\n[^\n]*:/.test(block)) return "has PEM block headers";
  try {
    const [certificate] = certificatesFromPem(block);
    return parseCertificate(certificate!).isAuthority ? undefined : "does not have the CA bit set";
  } catch {
    return "does not parse as X.509";
  }
}
