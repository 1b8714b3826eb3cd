import { semanticEqual } from "../../api/json-equal.ts";
import { certificateSigningRequests, podCertificateRequests } from "../../api/resource-types.ts";
import { invalid } from "../../api/status-error.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates.v1.ts";
import type { PodCertificateRequest } from "../../api/types/certificates.v1beta1.ts";
import type { UserInfo } from "../../api/user.ts";
import { type CertificateRequest, parseCertificateRequest } from "../../base/x509.ts";
import type { Authorizer } from "../authorization.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, stored, written } from "./refusal.ts";

const API_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";

/** CertificateApproval: who approves a request must have the verb `approve` on its signer. */
export function certificateApproval({ authorizer }: { authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: "CertificateApproval",
    handles: (attributes) =>
      attributes.operation === "UPDATE" && concerns(attributes, certificateSigningRequests, "approval"),
    async validate(attributes) {
      const { signerName } = stored<CertificateSigningRequest>(attributes).spec;
      if (await maySigner(authorizer, attributes.user, "approve", signerName)) return;
      throw refusal(attributes, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
    },
  };
}

/** CertificateSigning: who puts a certificate into a request must have the verb `sign` on its signer. */
export function certificateSigning({ authorizer }: { authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: "CertificateSigning",
    handles: (attributes) =>
      attributes.operation === "UPDATE" && concerns(attributes, certificateSigningRequests, "status"),
    async validate(attributes) {
      const before = stored<CertificateSigningRequest>(attributes);
      const after = written<CertificateSigningRequest>(attributes);
      const unchanged =
        semanticEqual(before.status?.certificate, after.status?.certificate) &&
        semanticEqual(before.status?.conditions, after.status?.conditions);
      const { signerName } = before.spec;
      if (unchanged || (await maySigner(authorizer, attributes.user, "sign", signerName))) return;
      throw refusal(attributes, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`);
    },
  };
}

/**
 * Who answers a PodCertificateRequest must have the verb `sign` on its signer. Upstream's strategy asks that itself, so
 * this has no name that could be switched off, and refuses as validation does.
 */
export function podCertificateSigning({ authorizer }: { authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: "PodCertificateSigning",
    handles: (attributes) =>
      attributes.operation === "UPDATE" && concerns(attributes, podCertificateRequests, "status"),
    async validate(attributes) {
      const before = stored<PodCertificateRequest>(attributes);
      const { signerName } = before.spec;
      const after = written<PodCertificateRequest>(attributes);
      if (semanticEqual(before.status, after.status)) return;
      if (await maySigner(authorizer, attributes.user, "sign", signerName)) return;
      const user = JSON.stringify(attributes.user.name);
      const message = `Forbidden: User ${user} is not permitted to "sign" for signer ${JSON.stringify(signerName)}`;
      const { group, kind } = podCertificateRequests;
      const cause = { reason: "FieldValueForbidden", message, field: "spec.signerName" };
      throw invalid({ group, kind }, attributes.name, [cause]);
    },
  };
}

/** CertificateSubjectRestriction: nobody becomes a superuser by a certificate of the API client signer. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: "CertificateSubjectRestriction",
  handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, certificateSigningRequests),
  validate(attributes) {
    const { spec } = written<CertificateSigningRequest>(attributes);
    if (spec?.signerName !== API_CLIENT_SIGNER) return;
    if (!readRequest(attributes, spec.request, "failed to parse CSR").organizations.includes("system:masters")) return;
    throw refusal(attributes, `use of ${API_CLIENT_SIGNER} signer with system:masters group is not allowed`);
  },
};

/** The request in a CertificateSigningRequest's base64; refuses what is none, with `problem` before the reason. */
export function readRequest(attributes: AdmissionAttributes, request: string, problem: string): CertificateRequest {
  try {
    return parseCertificateRequest(Buffer.from(request, "base64"));
  } catch (error) {
    throw refusal(attributes, `${problem}: ${(error as Error).message}`);
  }
}

/** Whether a user has a verb on a signer, by its name or by `domain/*`. */
export async function maySigner(
  authorizer: Authorizer,
  user: UserInfo,
  verb: string,
  signerName: string,
): Promise<boolean> {
  for (const name of [signerName, `${signerName.split("/")[0]}/*`]) {
    const attributes = { user, verb, group: "certificates.k8s.io", version: "*", resource: "signers", name };
    if ((await authorizer.authorize(attributes)).decision === "allow") return true;
  }
  return false;
}
