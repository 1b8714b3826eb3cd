import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { issue, newAuthority, newCertificateRequest } from "../../base/x509.ts";
import type { WriteContext } from "../resource-definition.ts";
import { podCertificateRequest as definition } from "./pod-certificate-request.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const context: WriteContext = { now: NOW, user: { name: "u", groups: [] } };
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const base64 = (bytes: Buffer) => bytes.toString("base64");
const spec = {
  signerName: "example.com/pods",
  podName: "p",
  podUID: "uid-1",
  serviceAccountName: "default",
  serviceAccountUID: "uid-2",
  nodeName: "n",
  nodeUID: "uid-3",
  maxExpirationSeconds: 7200,
  pkixPublicKey: base64(publicKey.export({ type: "spki", format: "der" })),
  proofOfPossession: base64(sign(null, Buffer.from("uid-1"), privateKey)),
};
const texts = (errors: { field: string; message: string }[]) =>
  errors.map(({ field, message }) => `${field}: ${message}`);
const created = (changes: object) =>
  texts(definition.validateCreate!({ spec: { ...spec, ...changes } } as never, context));

test("a request carries a key in one of two ways, and shows that it is its own", () => {
  assert.deepEqual(created({}), []);
  const csr = Buffer.from(
    newCertificateRequest({ commonName: "", privateKey }).replace(/-----[^-]+-----|\s/g, ""),
    "base64",
  );
  const stub = { pkixPublicKey: undefined, proofOfPossession: undefined, stubPKCS10Request: base64(csr) };
  assert.deepEqual(created(stub), []);
  assert.deepEqual(created({ ...stub, pkixPublicKey: spec.pkixPublicKey }), [
    "spec: Invalid value: exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set",
  ]);
  assert.deepEqual(created({ proofOfPossession: base64(sign(null, Buffer.from("other"), privateKey)) }), [
    "spec.proofOfPossession: Invalid value: could not verify proof-of-possession signature",
  ]);
  assert.deepEqual(created({ ...stub, stubPKCS10Request: "AAAA" }), [
    "spec.stubPKCS10Request: Invalid value: must be a valid PKCS#10 CSR",
  ]);
  const { publicKey: weak } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  assert.deepEqual(created({ pkixPublicKey: base64(weak.export({ type: "spki", format: "der" })) }), [
    'spec.pkixPublicKey: Invalid value: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096',
  ]);
  assert.deepEqual(created({ maxExpirationSeconds: 60, podUID: "", signerName: "kubernetes.io/x" }).slice(0, 2), [
    'spec.podUID: Invalid value: "": must not be empty',
    "spec.maxExpirationSeconds: Invalid value: 60: must be in the range [3600, 86400]",
  ]);
});

test("an answer is given once, and is a certificate for the key", () => {
  const authority = newAuthority({ commonName: "ca", now: NOW, validityMs: 864e5 });
  const time = (ms: number) => new Date(ms).toISOString().replace(".000", "");
  const chain = (key = publicKey) =>
    issue({ commonName: "x", authority, publicKey: key, notBefore: NOW, notAfter: NOW + 36e5, usages: ["client"] });
  const certificate = chain();
  const leaf = { notBefore: NOW, notAfter: NOW + 36e5 };
  const condition = (type: string) => [
    { type, status: "True", reason: "R", message: "", lastTransitionTime: time(NOW) },
  ];
  const issued = {
    conditions: condition("Issued"),
    certificateChain: certificate.certificatePem,
    notBefore: time(leaf.notBefore),
    notAfter: time(leaf.notAfter),
    beginRefreshAt: time(NOW + 18e5),
  };
  const update = (status: object, old: object = {}) =>
    texts(definition.validateStatusUpdate!({ spec, status } as never, { spec, status: old } as never, context));
  const other = generateKeyPairSync("ed25519").publicKey;
  const wrongKey = { ...issued, certificateChain: chain(other).certificatePem };
  assert.match(update(wrongKey)[0]!, /leaf certificate was not issued to the requested public key/);
  assert.match(update({ ...issued, beginRefreshAt: time(NOW) })[0]!, /at least 10 minutes after status\.notBefore/);
  assert.match(update({ ...issued, notAfter: undefined })[0]!, /status\.notAfter: Required value/);
  assert.deepEqual(update(issued), []);
  assert.deepEqual(update({ conditions: condition("Denied") }), []);
  assert.match(update({ ...issued, conditions: condition("Denied") })[0]!, /must be empty when denying or failing/);
  assert.match(update({ conditions: condition("Odd") })[0]!, /Unsupported value: "Odd"/);
  assert.match(
    update({ conditions: condition("Denied") }, issued)[0]!,
    /immutable after PodCertificateRequest is issued/,
  );
});
