import { certificateSigningRequests } from "../resource-types.ts";
import type { CertificateSigningRequest } from "../types/certificates.v1.ts";
import { define } from "./define.ts";

export const certificateSigningRequest = define<CertificateSigningRequest>({
  type: certificateSigningRequests,
  singular: "certificatesigningrequest",
  shortNames: ["csr"],
  hasStatus: true,
  generation: false,
  selectableFields: { "spec.signerName": (request) => request.spec?.signerName ?? "" },
});
