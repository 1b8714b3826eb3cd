import { semanticEqual } from "../json-equal.ts";
import { checkDnsSubdomain, checkQualifiedName } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { podCertificateRequests } from "../resource-types.ts";
import type { PodCertificateRequest, PodCertificateRequestSpec } from "../types/certificates.v1beta1.ts";
import { column, formatLabels, nameColumn, wideColumn } from "./columns.ts";
import { define } from "./define.ts";
import { child, invalid, invalidUnseen, required, tooLong } from "./field-errors.ts";
import { validateIssuedChain, validateRequestedKey } from "./pod-certificate-keys.ts";
import { validateRequestConditions } from "./pod-certificate-status.ts";
import { validateSignerName } from "./reference-checks.ts";
import { addProblems, IMMUTABLE } from "./value-checks.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const SHORTEST = HOUR;
const LONGEST = 91 * DAY;
/** Of the signers of Kubernetes itself. */
const LONGEST_OF_OURS = DAY;
const UID_LIMIT = 128;
const ANNOTATIONS_LIMIT = 256 * 1024;

/** A kubelet's request for a certificate that a pod is to have (KEP-4317). */
export const podCertificateRequest = define<PodCertificateRequest>({
  type: podCertificateRequests,
  singular: "podcertificaterequest",
  hasStatus: true,
  generation: false,
  unconditionalUpdate: false,
  columns: [
    nameColumn,
    column("PodName", "Pod that it is for.", ({ spec }) => spec?.podName ?? ""),
    column("ServiceAccountName", "Account of the pod.", ({ spec }) => spec?.serviceAccountName ?? ""),
    column("NodeName", "Node that the pod is on.", ({ spec }) => spec?.nodeName ?? ""),
    column("SignerName", "Signer that is asked.", ({ spec }) => spec?.signerName ?? ""),
    column("State", "Whether it was answered, and how.", ({ status }) => {
      return status?.conditions?.findLast(({ type }) => FINAL.includes(type))?.type ?? "Pending";
    }),
    wideColumn("UnverifiedUserAnnotations", "What the pod's author passes on to the signer.", ({ spec }) => {
      return formatLabels(spec?.unverifiedUserAnnotations);
    }),
  ],
  defaults(request) {
    if (request.spec) request.spec.maxExpirationSeconds ??= DAY;
  },
  prepareForCreate(request) {
    request.status = {};
  },
  validateCreate: ({ spec }) => validateSpec(spec ?? ({} as PodCertificateRequestSpec)),
  validateUpdate({ spec }, old) {
    return semanticEqual(spec, old.spec) ? [] : [invalid("spec", spec, IMMUTABLE)];
  },
  validateStatusUpdate(request, old, { now }) {
    const errors = validateRequestConditions(request.status?.conditions);
    if (errors.length > 0) return errors;
    const fixed = (expected: unknown, detail: string) =>
      semanticEqual(request.status ?? {}, expected ?? {}) ? [] : [invalidUnseen("status", detail)];
    if (isFinal(old)) return fixed(old.status, "immutable after PodCertificateRequest is issued, denied, or failed");
    const conditions = request.status?.conditions ?? [];
    if (has(request, "Denied") || has(request, "Failed")) {
      const detail = "non-condition status fields must be empty when denying or failing the PodCertificateRequest";
      return fixed({ conditions }, detail);
    }
    if (has(request, "Issued")) return validateIssuedChain(request, old.spec, now);
    return fixed(old.status, 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"');
  },
  selectableFields: {
    "spec.signerName": ({ spec }) => spec?.signerName ?? "",
    "spec.podName": ({ spec }) => spec?.podName ?? "",
    "spec.nodeName": ({ spec }) => spec?.nodeName ?? "",
  },
});

const FINAL = ["Issued", "Denied", "Failed"];
const has = ({ status }: PodCertificateRequest, type: string) =>
  status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
const isFinal = (request: PodCertificateRequest) => FINAL.some((type) => has(request, type));

function validateSpec(spec: PodCertificateRequestSpec): FieldError[] {
  const errors: FieldError[] = [];
  validateSignerName(spec.signerName, "spec.signerName", errors);
  validateAnnotations(spec.unverifiedUserAnnotations ?? {}, errors);
  for (const owner of ["pod", "serviceAccount", "node"] as const) {
    const name = spec[`${owner}Name`] ?? "";
    addProblems(checkDnsSubdomain(name), child("spec", `${owner}Name`), name, errors);
    const uid = spec[`${owner}UID`] ?? "";
    const path = child("spec", `${owner}UID`);
    if (uid === "") errors.push(invalid(path, uid, "must not be empty"));
    else if (Buffer.byteLength(uid) > UID_LIMIT) errors.push(tooLong(path, UID_LIMIT));
  }
  const path = "spec.maxExpirationSeconds";
  const seconds = spec.maxExpirationSeconds;
  if (seconds == null) return [...errors, required(path, "must be set")];
  const longest = spec.signerName?.startsWith("kubernetes.io/") ? LONGEST_OF_OURS : LONGEST;
  if (seconds < SHORTEST || seconds > longest) {
    errors.push(invalid(path, seconds, `must be in the range [${SHORTEST}, ${longest}]`));
  }
  return [...errors, ...validateRequestedKey(spec)];
}

function validateAnnotations(annotations: Readonly<Record<string, string>>, errors: FieldError[]): void {
  const path = "spec.unverifiedUserAnnotations";
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    const lower = key.toLowerCase();
    if (!lower.includes("/")) {
      errors.push(invalid(path, lower, 'must be a domain-prefixed key (such as "acme.io/foo")'));
    } else addProblems(checkQualifiedName(lower), path, lower, errors);
  }
  if (size > ANNOTATIONS_LIMIT) errors.push(tooLong(path, ANNOTATIONS_LIMIT));
}
