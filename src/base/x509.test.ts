import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { DerError } from "./der.ts";
import {
  certificatesFromPem,
  isSignedBy,
  issue,
  loadAuthority,
  newAuthority,
  newCertificateRequest,
  newKeyPair,
  parseCertificate,
  parseCertificateRequest,
  privateKeyPem,
} from "./x509.ts";

const directory = mkdtempSync(join(tmpdir(), "x509-"));
after(() => rmSync(directory, { recursive: true }));
const file = (name: string, content: string) => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const openssl = (...args: string[]) => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });

const now = Date.UTC(2030, 0, 2, 3, 4, 5);
const DAY = 86_400_000;
const authority = newAuthority({ commonName: "kubernetes", now, validityMs: 3650 * DAY });
const leaf = issue({
  authority,
  commonName: "system:node:knarr-1",
  organizations: ["system:nodes", "zwölf_Boxkämpfer"],
  dnsNames: ["localhost", "*.example.org"],
  ipAddresses: ["127.0.0.1", "::1", "fd00:1::a:0:0:b", "::ffff:10.0.0.1"],
  usages: ["client", "server"],
  notBefore: now - 1000,
  notAfter: now + 365 * DAY,
});

test("OpenSSL accepts the chain for both uses and both kinds of name", () => {
  const ca = file("ca.pem", authority.certificatePem);
  const path = file("leaf.pem", leaf.certificatePem);
  const at = ["-attime", String(now / 1000), "-x509_strict", "-CAfile", ca];
  for (const use of [
    ["sslserver", "-verify_hostname", "a.example.org"],
    ["sslserver", "-verify_ip", "fd00:1:0:0:a::b"],
    ["sslclient"],
  ]) {
    const [purpose = "", ...rest] = use;
    assert.match(openssl("verify", ...at, "-purpose", purpose, ...rest, path), /OK/);
  }
  assert.throws(() => openssl("verify", ...at, "-purpose", "sslserver", "-verify_hostname", "example.com", path));
  const text = openssl("x509", "-in", path, "-noout", "-text");
  assert.match(text, /Digital Signature/);
  assert.match(text, /TLS Web Client Authentication, TLS Web Server Authentication/);
});

test("a certificate reads back as it was issued", () => {
  const info = parseCertificate(leaf.certificatePem);
  assert.equal(info.commonName, "system:node:knarr-1");
  assert.deepEqual(info.organizations, ["system:nodes", "zwölf_Boxkämpfer"]);
  assert.deepEqual(info.dnsNames, ["localhost", "*.example.org"]);
  assert.deepEqual(info.ipAddresses, ["127.0.0.1", "::1", "fd00:1::a:0:0:b", "::ffff:a00:1"]);
  assert.deepEqual([info.notBefore, info.notAfter], [now - 1000, now + 365 * DAY]);
  assert.deepEqual(info.usages, ["client", "server"]);
  assert.equal(info.isAuthority, false);
  assert.equal(parseCertificate(authority.certificate).isAuthority, true);
  assert.ok(info.publicKey().equals(createPublicKey(leaf.privateKey!)));
  assert.equal(info.serialNumber.toUpperCase(), new X509Certificate(leaf.certificate).serialNumber);
});

test("a signature is that of its authority only", () => {
  const other = newAuthority({ commonName: "kubernetes", now, validityMs: DAY });
  assert.equal(isSignedBy(leaf.certificate, authority.certificate), true);
  assert.equal(isSignedBy(leaf.certificate, other.certificate), false);
});

test("a leaf ends no later than its authority, also after 2049", () => {
  const long = newAuthority({ commonName: "long", now, validityMs: 365 * 40 * DAY });
  const end = (to: number) =>
    parseCertificate(
      issue({ authority: long, commonName: "a", usages: ["client"], notBefore: now, notAfter: to }).certificate,
    ).notAfter;
  assert.equal(end(now + 365 * 30 * DAY), now + 365 * 30 * DAY);
  assert.equal(end(now + 365 * 99 * DAY), now + 365 * 40 * DAY);
});

test("an authority is loaded from PEM, also one that OpenSSL made with RSA", () => {
  const again = loadAuthority(authority.certificatePem, privateKeyPem(authority.privateKey));
  const second = issue({ authority: again, commonName: "b", usages: ["client"], notBefore: now, notAfter: now + DAY });
  assert.ok(isSignedBy(second.certificate, authority.certificate));

  const key = join(directory, "rsa.key");
  const made = openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    key,
    "-subj",
    "/O=Ä/CN=rsa-ca",
    "-days",
    "9999",
  );
  const rsa = loadAuthority(made, execFileSync("cat", [key], { encoding: "utf8" }));
  const third = issue({
    authority: rsa,
    commonName: "c",
    usages: ["server"],
    dnsNames: ["c"],
    notBefore: now,
    notAfter: now + DAY,
  });
  const ca = file("rsa.pem", rsa.certificatePem);
  assert.match(
    openssl("verify", "-attime", String(now / 1000), "-CAfile", ca, file("c.pem", third.certificatePem)),
    /OK/,
  );

  assert.throws(
    () => loadAuthority(authority.certificatePem, privateKeyPem(newKeyPair().privateKey)),
    /does not belong/,
  );
  assert.throws(() => loadAuthority(leaf.certificatePem, leaf.privateKeyPem!), /CA:TRUE/);
  assert.throws(() => loadAuthority("", leaf.privateKeyPem!), /no certificate/);
});

test("a signing request is verified, and OpenSSL's are understood", () => {
  const { privateKey, publicKey } = newKeyPair();
  const pem = newCertificateRequest({
    commonName: "system:node:a",
    organizations: ["system:nodes"],
    dnsNames: ["a"],
    ipAddresses: ["10.0.0.1"],
    privateKey,
  });
  assert.match(openssl("req", "-in", file("a.csr", pem), "-noout", "-verify", "-text"), /CN = system:node:a/);
  const request = parseCertificateRequest(pem);
  assert.deepEqual([request.commonName, request.organizations], ["system:node:a", ["system:nodes"]]);
  assert.deepEqual([request.dnsNames, request.ipAddresses], [["a"], ["10.0.0.1"]]);
  assert.ok(request.publicKey.equals(publicKey));

  for (const key of [generateKeyPairSync("rsa", { modulusLength: 2048 }), generateKeyPairSync("ed25519")]) {
    const path = file("b.key", privateKeyPem(key.privateKey));
    const theirs = openssl("req", "-new", "-key", path, "-subj", "/O=one/O=two/CN=jane");
    const read = parseCertificateRequest(Buffer.from(theirs));
    assert.deepEqual([read.commonName, read.organizations], ["jane", ["one", "two"]]);
    const certificate = issue({
      authority,
      commonName: read.commonName,
      usages: ["client"],
      publicKey: read.publicKey,
      notBefore: now,
      notAfter: now + DAY,
    });
    assert.equal(certificate.privateKey, undefined);
    assert.ok(parseCertificate(certificate.certificate).publicKey().equals(key.publicKey));
  }

  const tampered = Buffer.from(certificatesFromPem(pem.replaceAll("CERTIFICATE REQUEST", "CERTIFICATE"))[0]!);
  tampered[tampered.indexOf("system:node:a")] = 0x53;
  assert.throws(() => parseCertificateRequest(tampered), /signature is wrong/);
});

test("damaged input is refused", () => {
  for (const length of [0, 1, 10, 100, leaf.certificate.length - 1]) {
    assert.throws(() => parseCertificate(leaf.certificate.subarray(0, length)), DerError);
  }
  assert.throws(() => parseCertificate("no pem"), DerError);
  assert.throws(() => parseCertificateRequest("no pem"), DerError);
  assert.throws(
    () => issue({ authority, commonName: "a", ipAddresses: ["x"], usages: [], notBefore: 0, notAfter: 1 }),
    /not an IP/,
  );
});
