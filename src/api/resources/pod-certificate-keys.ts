import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  type CertificateInfo,
  certificatesFromPem,
  parseCertificate,
  parseCertificateRequest,
} from "../../base/x509.ts";
import type { FieldError } from "../resource-definition.ts";
import type { PodCertificateRequest, PodCertificateRequestSpec } from "../types/certificates.v1beta1.ts";
import { invalid, invalidUnseen, required, tooLong } from "./field-errors.ts";

const KEY_LIMIT = 10 * 1024;
const CHAIN_LIMIT = 100 * 1024;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** The key that a certificate is asked for: in a signing request, or by itself with a proof that it is the asker's. */
export function validateRequestedKey(spec: PodCertificateRequestSpec): FieldError[] {
  const request = bytesOf(spec.stubPKCS10Request);
  const key = bytesOf(spec.pkixPublicKey);
  const proof = bytesOf(spec.proofOfPossession);
  if (request.length > 0 && key.length === 0 && proof.length === 0) {
    const path = "spec.stubPKCS10Request";
    if (request.length > KEY_LIMIT) return [tooLong(path, KEY_LIMIT)];
    const parsed = attempt(() => parseCertificateRequest(request).publicKey);
    if (!parsed) return [invalidUnseen(path, "must be a valid PKCS#10 CSR")];
    return keyProblems(parsed, path, "elliptic public keys must use curve P256, P384, or P521");
  }
  if (request.length === 0 && key.length > 0 && proof.length > 0) {
    const path = "spec.pkixPublicKey";
    if (key.length > KEY_LIMIT) return [tooLong(path, KEY_LIMIT)];
    if (proof.length > KEY_LIMIT) return [tooLong("spec.proofOfPossession", KEY_LIMIT)];
    const parsed = publicKeyOf(key);
    if (!parsed) return [invalid(path, spec.pkixPublicKey, "must be a valid PKIX-serialized public key")];
    const problems = keyProblems(parsed, path, "elliptic public keys must use curve P256 or P384");
    if (problems.length > 0 || isSignedBy(parsed, spec.podUID, proof)) return problems;
    return [invalidUnseen("spec.proofOfPossession", "could not verify proof-of-possession signature")];
  }
  const detail = "exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set";
  return [invalidUnseen("spec", detail)];
}

const bytesOf = (base64: string | undefined): Buffer => Buffer.from(base64 ?? "", "base64");

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // Whatever the reason: the caller words what it could not read.
    return undefined;
  }
}

const publicKeyOf = (der: Buffer) => attempt(() => createPublicKey({ key: der, type: "spki", format: "der" }));

function keyProblems(key: KeyObject, path: string, curves: string): FieldError[] {
  const { namedCurve = "", modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return [];
    case "ec":
      return CURVES[namedCurve] ? [] : [invalid(path, `curve ${namedCurve}`, curves)];
    case "rsa": {
      if (modulusLength === 3072 || modulusLength === 4096) return [];
      return [invalid(path, `${modulusLength}-bit modulus`, "RSA keys must have modulus size 3072 or 4096")];
    }
    default:
      return [invalidUnseen(path, "unknown public key type; supported types are Ed25519, ECDSA, and RSA")];
  }
}

/** The proof is the pod's UID, signed by the key. */
function isSignedBy(key: KeyObject, podUid: string, proof: Buffer): boolean {
  const data = Buffer.from(podUid);
  if (key.asymmetricKeyType === "ed25519") return verify(null, data, key, proof);
  if (key.asymmetricKeyType === "ec") return verify("sha256", data, key, proof);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify("sha256", data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, proof);
}

const CHAIN = "status.certificateChain";

/** What a signer hands out must be for the key, and the times stated those of the certificate. */
export function validateIssuedChain(
  { spec, status = {} }: PodCertificateRequest,
  asked: PodCertificateRequestSpec,
  now: number,
): FieldError[] {
  const { certificateChain = "" } = status;
  if (Buffer.byteLength(certificateChain) > CHAIN_LIMIT) return [tooLong(CHAIN, CHAIN_LIMIT)];
  const bad = (detail: string) => [invalid(CHAIN, certificateChain, detail)];
  const types = [...certificateChain.matchAll(/-----BEGIN ([^\n-]+)-----/g)].map(([, type]) => type);
  if (types.length === 0) return bad("issued certificate chain must contain at least one certificate");
  if (types.some((type) => type !== "CERTIFICATE")) {
    return bad("issued certificate chain must consist entirely of CERTIFICATE PEM blocks");
  }
  const blocks = attempt(() => certificatesFromPem(certificateChain)) ?? [];
  const [leaf, ...others] = blocks.map((block) => attempt(() => parseCertificate(block)));
  if (!leaf) return bad("leaf certificate does not parse as valid X.509");
  const key = asked.stubPKCS10Request
    ? attempt(() => parseCertificateRequest(bytesOf(asked.stubPKCS10Request)).publicKey)
    : publicKeyOf(bytesOf(asked.pkixPublicKey));
  if (!key?.equals(leaf.publicKey())) return bad("leaf certificate was not issued to the requested public key");
  const errors = timeProblems(leaf, status, spec.maxExpirationSeconds ?? 0, now);
  if (errors.length > 0) return errors;
  return others.every((one) => one) ? [] : bad("intermediate certificate does not parse as valid X.509");
}

function timeProblems(
  leaf: CertificateInfo,
  { notBefore, notAfter, beginRefreshAt }: NonNullable<PodCertificateRequest["status"]>,
  maxSeconds: number,
  now: number,
): FieldError[] {
  const missing: FieldError[] = [];
  const consistent = "must be present and consistent with the issued certificate";
  if (!notBefore) missing.push(required("status.notBefore", consistent));
  if (!notAfter) missing.push(required("status.notAfter", consistent));
  if (!beginRefreshAt) {
    missing.push(
      required("status.beginRefreshAt", "must be present and in the range [notbefore+10min, notafter-10min]"),
    );
  }
  if (missing.length > 0) return missing;
  const [start, end, refresh] = [Date.parse(notBefore!), Date.parse(notAfter!), Date.parse(beginRefreshAt!)];
  const one = (path: string, value: unknown, detail: string) => [invalid(path, value, detail)];
  if (start !== leaf.notBefore) {
    return one("status.notBefore", notBefore, "must be set to the NotBefore time encoded in the leaf certificate");
  }
  if (Math.abs(start - now) >= 5 * MINUTE_MS) {
    return one("status.notBefore", notBefore, "must be set to within 5 minutes of kube-apiserver's current time");
  }
  if (end !== leaf.notAfter) {
    return one("status.notAfter", notAfter, "must be set to the NotAfter time encoded in the leaf certificate");
  }
  const lifetime = end - start;
  if (lifetime < HOUR_MS) return one(CHAIN, lifetime * 1e6, "leaf certificate lifetime must be >= 1 hour");
  if (lifetime > maxSeconds * 1000) {
    const detail = `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${maxSeconds})`;
    return one(CHAIN, lifetime * 1e6, detail);
  }
  if (refresh < start + 10 * MINUTE_MS) {
    return one("status.beginRefreshAt", beginRefreshAt, "must be at least 10 minutes after status.notBefore");
  }
  if (refresh > end - 10 * MINUTE_MS) {
    return one("status.beginRefreshAt", beginRefreshAt, "must be at least 10 minutes before status.notAfter");
  }
  return [];
}
