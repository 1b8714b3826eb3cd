import type { PeerCertificate } from "node:tls";

const REFUSALS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
};
const UNTRUSTED = "x509: certificate signed by unknown authority";
/** OpenSSL's verdicts on certificates, as Go's crypto/x509 words them. */
const VERDICTS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_HAS_EXPIRED: "x509: certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "x509: certificate has expired or is not yet valid",
  INVALID_PURPOSE: "x509: certificate specifies an incompatible key usage",
};

/** Why a server could not be reached, in the words of Go's net and crypto/tls packages, which clients look for. */
export function connectionFailure(error: Error, address: { host: string; port: number }): string {
  const { code = "", host, cert } = error as NodeJS.ErrnoException & { host?: string; cert?: PeerCertificate };
  const refusal = REFUSALS[code];
  if (refusal) return `dial tcp ${hostPort(address)}: ${refusal}`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `dial tcp: lookup ${address.host}: no such host`;
  if (code === "ECONNRESET" || code === "EPIPE") return "EOF";
  const verdict = code === "ERR_TLS_CERT_ALTNAME_INVALID" ? wrongName(host ?? address.host, cert) : VERDICTS[code];
  if (verdict) return `tls: failed to verify certificate: ${verdict}`;
  if (code === "EPROTO" || code.startsWith("ERR_SSL_WRONG_VERSION")) {
    return "tls: first record does not look like a TLS handshake";
  }
  return error.message;
}

/** `host:port`, with brackets around an IPv6 address. */
export const hostPort = ({ host, port }: { host: string; port: number }) =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

function wrongName(wanted: string, certificate: PeerCertificate | undefined): string {
  const names = (certificate?.subjectaltname ?? "")
    .split(", ")
    .filter((name) => name !== "")
    .map((name) => name.replace(/^(DNS|IP Address):/, ""));
  if (names.length === 0) return `x509: certificate is not valid for any names, but wanted to match ${wanted}`;
  return `x509: certificate is valid for ${names.join(", ")}, not ${wanted}`;
}
