import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { isIP } from "node:net";
import {
  bitString,
  boolean,
  children,
  context,
  DerError,
  type DerValue,
  der,
  integer,
  nullValue,
  octetString,
  oid,
  readBits,
  readDer,
  readOid,
  readText,
  readTime,
  sequence,
  TAG,
  text,
  time,
} from "./der.ts";

/**
 * X.509 certificates (RFC 5280) and signing requests (PKCS#10, RFC 2986), as a cluster needs them: a self-signed
 * authority, leaves for servers and clients, and reading who a certificate speaks for. What is made here is accepted by
 * OpenSSL and Go's crypto/x509.
 *
 * Written by hand on node:crypto because it runs at each start: measured on Node 24, an authority and a leaf with P-256
 * keys cost 0.26 ms this way; a library costs 5 ms plus 121 ms to import, and RSA-2048 keys 97 ms each.
 */

/** A P-256 key pair: for TLS, and for signing ServiceAccount tokens with ES256. */
export function newKeyPair(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** A private key in PEM as the Kubernetes tools write it: SEC 1 for elliptic curves, PKCS#8 otherwise. */
export function privateKeyPem(key: KeyObject): string {
  const type = key.asymmetricKeyType === "ec" ? "sec1" : "pkcs8";
  return key.export({ type, format: "pem" } as { type: "pkcs8"; format: "pem" }) as string;
}

/** A public key in PEM (SubjectPublicKeyInfo). */
export const publicKeyPem = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }) as string;

/** A certificate with the private key that signs with it. */
export interface Authority {
  /** The certificate in DER. */
  readonly certificate: Buffer;
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
}

export interface Subject {
  commonName: string;
  /** The O attributes, which Kubernetes reads as groups. */
  organizations?: readonly string[];
}

export interface AlternativeNames {
  dnsNames?: readonly string[];
  /** IPv4 or IPv6, as text. */
  ipAddresses?: readonly string[];
}

/** Five minutes: a certificate begins to hold this long before now, for machines whose clocks lag. */
const BACKDATE_MS = 5 * 60_000;

/** Makes a self-signed authority with a new P-256 key that holds for `validityMs` from `now` (ms since the epoch). */
export function newAuthority(options: Subject & { now: number; validityMs: number }): Authority {
  const { privateKey, publicKey } = newKeyPair();
  const spki = publicKey.export({ type: "spki", format: "der" });
  const name = encodeName(options);
  const certificate = signCertificate({
    issuer: name,
    subject: name,
    spki,
    notBefore: options.now - BACKDATE_MS,
    notAfter: options.now + options.validityMs,
    extensions: [
      extension(OID.keyUsage, keyUsage(["digitalSignature", "keyEncipherment", "certSign"]), true),
      extension(OID.basicConstraints, sequence(boolean(true)), true),
      extension(OID.subjectKeyId, octetString(keyId(spki))),
      // Upstream's kubeadm gives its authorities this one name, which some verifiers insist on.
      ...alternativeNames({ dnsNames: [options.commonName] }),
    ],
    privateKey,
  });
  return { certificate, certificatePem: certificatePem(certificate), privateKey };
}

/** An authority from its PEM files. Throws where the key does not belong to the certificate, or it is no authority. */
export function loadAuthority(certificate: string, privateKey: string): Authority {
  const [first] = certificatesFromPem(certificate);
  if (!first) throw new Error("no certificate found in the authority's PEM");
  const key = createPrivateKey(privateKey);
  const parsed = parseCertificate(first);
  if (!parsed.isAuthority) throw new Error("the certificate is not one of an authority (CA:TRUE is missing)");
  if (!createPublicKey(key).equals(parsed.publicKey())) {
    throw new Error("the authority's private key does not belong to its certificate");
  }
  return { certificate: first, certificatePem: certificatePem(first), privateKey: key };
}

export interface IssueOptions extends Subject, AlternativeNames {
  authority: Authority;
  /** What the certificate may be used for in TLS. */
  usages: readonly ("client" | "server")[];
  /** ms since the epoch. The end is cut to the authority's own. */
  notBefore: number;
  notAfter: number;
  /** The key to certify; a new P-256 pair is made when absent. */
  publicKey?: KeyObject;
}

export interface IssuedCertificate {
  /** The certificate in DER. */
  readonly certificate: Buffer;
  readonly certificatePem: string;
  /** Only where the key pair was made here. */
  readonly privateKey?: KeyObject;
  readonly privateKeyPem?: string;
}

/** Issues a leaf certificate. */
export function issue(options: IssueOptions): IssuedCertificate {
  const pair = options.publicKey ? undefined : newKeyPair();
  const publicKey = options.publicKey ?? pair!.publicKey;
  const spki = publicKey.export({ type: "spki", format: "der" });
  const issuer = certificateFields(options.authority.certificate);
  const rsa = publicKey.asymmetricKeyType === "rsa";
  const certificate = signCertificate({
    issuer: issuer.subject.raw,
    subject: encodeName(options),
    spki,
    notBefore: options.notBefore,
    notAfter: Math.min(options.notAfter, readTime(children(issuer.validity)[1])),
    extensions: [
      extension(OID.keyUsage, keyUsage(rsa ? ["digitalSignature", "keyEncipherment"] : ["digitalSignature"]), true),
      extension(OID.extendedKeyUsage, sequence(...options.usages.map((usage) => oid(TLS_USAGES[usage])))),
      extension(OID.basicConstraints, sequence(), true),
      extension(OID.authorityKeyId, sequence(der(context(0, false), authorityKeyId(issuer)))),
      ...alternativeNames(options),
    ],
    privateKey: options.authority.privateKey,
  });
  return {
    certificate,
    certificatePem: certificatePem(certificate),
    ...(pair ? { privateKey: pair.privateKey, privateKeyPem: privateKeyPem(pair.privateKey) } : {}),
  };
}

/** What a certificate says. */
export interface CertificateInfo {
  /** Empty where the subject has none. */
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** All attributes of the subject in order: dotted OID and text. */
  readonly subject: readonly (readonly [type: string, value: string])[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  /** ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly serialNumber: string;
  readonly isAuthority: boolean;
  /** The TLS uses of its extended key usage. */
  readonly usages: readonly ("client" | "server")[];
  publicKey(): KeyObject;
}

/** Reads a certificate in DER or PEM (then the first of it). Does not verify anything. Throws DerError. */
export function parseCertificate(certificate: Uint8Array | string): CertificateInfo {
  const bytes = typeof certificate === "string" ? certificatesFromPem(certificate)[0] : certificate;
  if (!bytes) throw new DerError("no certificate found in the PEM text");
  const fields = certificateFields(bytes);
  const [notBefore, notAfter] = children(fields.validity);
  const extensions = readExtensions(fields.extensions);
  const constraints = extensions.get(OID.basicConstraints);
  const extended = extensions.get(OID.extendedKeyUsage);
  const usages = extended ? children(readDer(extended), TAG.sequence).map(readOid) : [];
  return {
    ...readSubject(fields.subject),
    ...readAlternativeNames(extensions.get(OID.subjectAltName)),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    serialNumber: fields.serial.content.toString("hex"),
    isAuthority: constraints !== undefined && children(readDer(constraints))[0]?.content[0] === 0xff,
    usages: (["client", "server"] as const).filter((usage) => usages.includes(TLS_USAGES[usage])),
    publicKey: () => createPublicKey({ key: fields.spki.raw, type: "spki", format: "der" }),
  };
}

/** Whether `authority` (DER) has signed `certificate` (DER); says nothing about dates or uses. */
export function isSignedBy(certificate: Uint8Array, authority: Uint8Array): boolean {
  const key = createPublicKey({ key: certificateFields(authority).spki.raw, type: "spki", format: "der" });
  return verifySigned(certificate, key);
}

/** A signing request, read and with its signature verified. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly subject: readonly (readonly [type: string, value: string])[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly publicKey: KeyObject;
}

/** Makes a signing request in PEM for `privateKey`. */
export function newCertificateRequest(options: Subject & AlternativeNames & { privateKey: KeyObject }): string {
  const spki = createPublicKey(options.privateKey).export({ type: "spki", format: "der" });
  const extensions = alternativeNames(options);
  const attributes =
    extensions.length === 0 ? [] : [sequence(oid(OID.extensionRequest), der(TAG.set, sequence(...extensions)))];
  const body = sequence(integer(Buffer.from([0])), encodeName(options), spki, der(context(0), ...attributes));
  return toPem("CERTIFICATE REQUEST", signed(body, options.privateKey));
}

/** Reads a signing request in PEM or DER. Throws where it is malformed or not signed by its own key. */
export function parseCertificateRequest(request: Uint8Array | string): CertificateRequest {
  const asText = typeof request === "string" ? request : Buffer.from(request).toString("latin1");
  const bytes = asText.includes("-----BEGIN") ? fromPem(asText, /^(NEW )?CERTIFICATE REQUEST$/)[0] : request;
  if (!bytes || typeof bytes === "string") throw new DerError("no certificate request found in the PEM text");
  const [body] = children(readDer(bytes), TAG.sequence);
  const [, subject, spki, attributes] = children(body, TAG.sequence);
  if (!subject || !spki) throw new DerError("the certificate request is incomplete");
  const publicKey = createPublicKey({ key: spki.raw, type: "spki", format: "der" });
  if (!verifySigned(bytes, publicKey)) throw new DerError("the certificate request's signature is wrong");
  let extensions = new Map<string, Buffer>();
  for (const attribute of attributes ? children(attributes, context(0)) : []) {
    const [type, values] = children(attribute, TAG.sequence);
    if (readOid(type) === OID.extensionRequest) extensions = readExtensions(children(values, TAG.set)[0]);
  }
  return { ...readSubject(subject), ...readAlternativeNames(extensions.get(OID.subjectAltName)), publicKey };
}

/** A certificate in PEM. */
export const certificatePem = (certificate: Uint8Array): string => toPem("CERTIFICATE", certificate);
/** The certificates of a PEM text in order, in DER; other blocks are skipped. */
export const certificatesFromPem = (pem: string): Buffer[] => fromPem(pem, /^CERTIFICATE$/);

const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  extensionRequest: "1.2.840.113549.1.9.14",
} as const;

const TLS_USAGES = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

/** Signature algorithms by OID: the digest that node:crypto wants, null where the algorithm brings its own. */
const SIGNATURES: Readonly<Record<string, string | null>> = {
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.3.101.112": null,
};

/** The algorithm to sign with: elliptic curves with the digest of their size, as Go chooses. */
function algorithmFor(key: KeyObject): { identifier: Buffer; digest: string | null } {
  if (key.asymmetricKeyType === "rsa") {
    return { identifier: sequence(oid("1.2.840.113549.1.1.11"), nullValue), digest: "sha256" };
  }
  if (key.asymmetricKeyType === "ed25519") return { identifier: sequence(oid("1.3.101.112")), digest: null };
  if (key.asymmetricKeyType !== "ec") throw new Error(`keys of type ${key.asymmetricKeyType} cannot sign certificates`);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const [type, digest] =
    curve === "secp384r1"
      ? ["1.2.840.10045.4.3.3", "sha384"]
      : curve === "secp521r1"
        ? ["1.2.840.10045.4.3.4", "sha512"]
        : ["1.2.840.10045.4.3.2", "sha256"];
  return { identifier: sequence(oid(type!)), digest: digest! };
}

function signed(body: Buffer, key: KeyObject, algorithm = algorithmFor(key)): Buffer {
  return sequence(body, algorithm.identifier, bitString(sign(algorithm.digest, body, key)));
}

function verifySigned(bytes: Uint8Array, key: KeyObject): boolean {
  const [body, algorithm, signature] = children(readDer(bytes), TAG.sequence);
  const type = readOid(children(algorithm, TAG.sequence)[0]);
  const digest = SIGNATURES[type];
  if (digest === undefined) throw new DerError(`the signature algorithm ${type} is not supported`);
  return verify(digest, body!.raw, key, readBits(signature));
}

function signCertificate(parts: {
  issuer: Buffer;
  subject: Buffer;
  spki: Buffer;
  notBefore: number;
  notAfter: number;
  extensions: Buffer[];
  privateKey: KeyObject;
}): Buffer {
  const algorithm = algorithmFor(parts.privateKey);
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40; // positive, and never short
  const body = sequence(
    der(context(0), integer(Buffer.from([2]))), // version 3
    integer(serial),
    algorithm.identifier,
    parts.issuer,
    sequence(time(parts.notBefore), time(parts.notAfter)),
    parts.subject,
    parts.spki,
    der(context(3), sequence(...parts.extensions)),
  );
  return signed(body, parts.privateKey, algorithm);
}

function encodeName(subject: Subject): Buffer {
  const attribute = (type: string, value: string) =>
    der(
      TAG.set,
      sequence(
        oid(type),
        text(/^[\w '()+,./:=?-]*$/.test(value) && !value.includes("_") ? TAG.printableString : TAG.utf8String, value),
      ),
    );
  return sequence(
    ...(subject.organizations ?? []).map((value) => attribute(OID.organization, value)),
    attribute(OID.commonName, subject.commonName),
  );
}

const extension = (type: string, content: Uint8Array, critical = false): Buffer =>
  sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(content));

const KEY_USAGE_BITS = { digitalSignature: 0x80, keyEncipherment: 0x20, certSign: 0x04 } as const;
function keyUsage(uses: readonly (keyof typeof KEY_USAGE_BITS)[]): Buffer {
  const bits = uses.reduce((sum, use) => sum | KEY_USAGE_BITS[use], 0);
  return bitString(Buffer.from([bits]), 31 - Math.clz32(bits & -bits));
}

function alternativeNames(names: AlternativeNames): Buffer[] {
  const encoded = [
    ...(names.dnsNames ?? []).map((name) => text(context(2, false), name)),
    ...(names.ipAddresses ?? []).map((address) => der(context(7, false), addressBytes(address))),
  ];
  return encoded.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...encoded))];
}

/** RFC 7093's first method: 160 bits of the SHA-256 of the key. */
function keyId(spki: Uint8Array): Buffer {
  const key = readBits(children(readDer(spki))[1]);
  return createHash("sha256").update(key).digest().subarray(0, 20);
}

function authorityKeyId(issuer: CertificateFields): Buffer {
  const id = readExtensions(issuer.extensions).get(OID.subjectKeyId);
  return id ? readDer(id).content : keyId(issuer.spki.raw);
}

interface CertificateFields {
  serial: DerValue;
  validity: DerValue;
  subject: DerValue;
  spki: DerValue;
  extensions: DerValue | undefined;
}

function certificateFields(bytes: Uint8Array): CertificateFields {
  const fields = children(children(readDer(bytes), TAG.sequence)[0], TAG.sequence);
  if (fields[0]?.tag === context(0)) fields.shift(); // the version, absent in version 1
  const [serial, , , validity, subject, spki, ...rest] = fields;
  if (!serial || !validity || !subject || !spki) throw new DerError("the certificate is incomplete");
  const wrapped = rest.find((field) => field.tag === context(3));
  return { serial, validity, subject, spki, extensions: wrapped ? children(wrapped)[0] : undefined };
}

/** The content of each extension, by its dotted OID. */
function readExtensions(list: DerValue | undefined): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const entry of list ? children(list, TAG.sequence) : []) {
    const parts = children(entry, TAG.sequence);
    found.set(readOid(parts[0]), parts[parts.length - 1]!.content);
  }
  return found;
}

function readSubject(name: DerValue): Pick<CertificateInfo, "commonName" | "organizations" | "subject"> {
  const subject = children(name, TAG.sequence).flatMap((set) =>
    children(set, TAG.set).map((attribute) => {
      const [type, value] = children(attribute, TAG.sequence);
      if (!value) throw new DerError("a name's attribute has no value");
      return [readOid(type), readText(value)] as const;
    }),
  );
  return {
    subject,
    commonName: subject.findLast(([type]) => type === OID.commonName)?.[1] ?? "",
    organizations: subject.filter(([type]) => type === OID.organization).map(([, value]) => value),
  };
}

function readAlternativeNames(
  content: Buffer | undefined,
): Pick<CertificateInfo, "dnsNames" | "ipAddresses" | "emailAddresses" | "uris"> {
  const names = content ? children(readDer(content), TAG.sequence) : [];
  const texts = (n: number) =>
    names.filter(({ tag }) => tag === context(n, false)).map((name) => name.content.toString("latin1"));
  return {
    emailAddresses: texts(1),
    dnsNames: texts(2),
    uris: texts(6),
    ipAddresses: names.filter(({ tag }) => tag === context(7, false)).map((name) => addressText(name.content)),
  };
}

function addressBytes(address: string): Buffer {
  const version = isIP(address);
  if (version === 0) throw new Error(`${JSON.stringify(address)} is not an IP address`);
  if (version === 4) return Buffer.from(address.split(".").map(Number));
  const words = (part: string): number[] =>
    part === ""
      ? []
      : part.split(":").flatMap((word) => {
          if (!word.includes(".")) return [Number.parseInt(word, 16)];
          const bytes = word.split(".").map(Number);
          return [bytes[0]! * 256 + bytes[1]!, bytes[2]! * 256 + bytes[3]!];
        });
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new DerError(`an IP address of ${bytes.length} bytes`);
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  let [best, length] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && words[end] === "0") end++;
    if (end - start > length) [best, length] = [start, end - start];
  }
  if (length < 2) return words.join(":");
  return `${words.slice(0, best).join(":")}::${words.slice(best + length).join(":")}`;
}

function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function fromPem(pem: string, label: RegExp): Buffer[] {
  const blocks = pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g);
  return [...blocks].filter((block) => label.test(block[1]!)).map((block) => Buffer.from(block[2]!, "base64"));
}
