import type { CertificateSigningRequest, CertificateSigningRequestCondition } from "../../api/types/certificates.v1.ts";
import { type CertificateRequest, parseCertificateRequest } from "../../base/x509.ts";
import { time } from "../../client/timestamps.ts";

export const conditionOf = (
  request: CertificateSigningRequest,
  type: "Approved" | "Denied" | "Failed",
): CertificateSigningRequestCondition | undefined =>
  request.status?.conditions?.find((condition) => condition.type === type);

/** The request with a further condition. */
export function withCondition(
  request: CertificateSigningRequest,
  type: "Approved" | "Failed",
  reason: string,
  message: string,
  now: number,
): CertificateSigningRequest {
  const moment = time(now);
  const condition = { type, status: "True", reason, message, lastUpdateTime: moment, lastTransitionTime: moment };
  return { ...request, status: { ...request.status, conditions: [...(request.status?.conditions ?? []), condition] } };
}

/** What is asked to be certified. Throws for a text that is no signing request. */
export const contentOf = ({ spec }: CertificateSigningRequest): CertificateRequest =>
  parseCertificateRequest(Buffer.from(spec.request, "base64"));
