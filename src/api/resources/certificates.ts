import { humanDuration } from "../age.ts";
import { certificateSigningRequests } from "../resource-types.ts";
import type { CertificateSigningRequest, CertificateSigningRequestSpec } from "../types/certificates.v1.ts";
import { validateSigningRequest, validateSigningRequestUpdate } from "./certificates-validation.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { timestamp } from "./timestamp.ts";

export const certificateSigningRequest = define<CertificateSigningRequest>({
  type: certificateSigningRequests,
  singular: "certificatesigningrequest",
  shortNames: ["csr"],
  hasStatus: true,
  generation: false,
  columns: [
    nameColumn,
    ageColumn,
    column("SignerName", "Signer that is asked.", ({ spec }) => spec?.signerName || "<none>"),
    column("Requestor", "Who asks.", ({ spec }) => spec?.username ?? ""),
    column("RequestedDuration", "How long the certificate should be valid.", ({ spec }) =>
      spec?.expirationSeconds == null ? "<none>" : humanDuration(spec.expirationSeconds * 1000),
    ),
    column("Condition", "Whether it was approved and issued.", ({ status }) => {
      const has = (wanted: string) => status?.conditions?.some(({ type }) => type === wanted) ?? false;
      const decision = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
      return `${decision}${has("Failed") ? ",Failed" : ""}${status?.certificate ? ",Issued" : ""}`;
    }),
  ],
  prepareForCreate(request, { user }) {
    request.spec ??= {} as CertificateSigningRequestSpec;
    const { spec } = request;
    // Who asks is what authentication says, whatever the client wrote.
    spec.username = user.name;
    if (user.uid) spec.uid = user.uid;
    else delete spec.uid;
    if (user.groups.length > 0) spec.groups = [...user.groups];
    else delete spec.groups;
    const extra = Object.entries(user.extra ?? {});
    if (extra.length > 0) spec.extra = Object.fromEntries(extra.map(([key, values]) => [key, [...values]]));
    else delete spec.extra;
    request.status = {};
  },
  prepareForUpdate(request, old, { subresource, now }) {
    request.spec = old.spec;
    if (subresource !== "approval") {
      request.status = old.status;
      return;
    }
    // Approvers decide; only signers hand out certificates.
    request.status = { ...request.status };
    if (old.status?.certificate) request.status.certificate = old.status.certificate;
    else delete request.status.certificate;
    stampConditions(request, old, now);
  },
  prepareForStatusUpdate(request, old, { now }) {
    request.spec = old.spec;
    stampConditions(request, old, now);
  },
  validate: validateSigningRequest,
  validateUpdate(request, old, { subresource }) {
    return validateSigningRequestUpdate(request, old, subresource === "approval" ? "approval" : undefined);
  },
  validateStatusUpdate(request, old) {
    return [...validateSigningRequest(request), ...validateSigningRequestUpdate(request, old, "status")];
  },
  nameFormat: "path-segment",
  selectableFields: { "spec.signerName": (request) => request.spec?.signerName ?? "" },
});

/** Conditions without times get them: updated now, and changed when the old condition of the type did, or now. */
function stampConditions(request: CertificateSigningRequest, old: CertificateSigningRequest, now: number): void {
  const time = timestamp(now);
  for (const condition of request.status?.conditions ?? []) {
    condition.status ||= "True";
    condition.lastUpdateTime ??= time;
    if (condition.lastTransitionTime) continue;
    const before = old.status?.conditions?.find(({ type }) => type === condition.type);
    condition.lastTransitionTime =
      before?.status === condition.status && before.lastTransitionTime ? before.lastTransitionTime : time;
  }
}
