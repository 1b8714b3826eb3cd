import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemFiles } from "../base/files.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { parseCertificate } from "../base/x509.ts";
import { clusterCertificates } from "./certificates.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-pki-"));
});
after(() => rm(directory, { recursive: true }));

test("certificates are kept, renewed before they end, and reissued for a new name; the authority stays", async () => {
  const clock = virtualClock();
  const load = (address = "10.80.0.1") =>
    clusterCertificates({
      files: systemFiles,
      clock,
      directory,
      serverNames: { dnsNames: ["kubernetes"], ipAddresses: [address] },
    });
  const first = await load();
  assert.equal((await load()).apiserver.certificate, first.apiserver.certificate);
  const moved = await load("10.80.1.1");
  assert.notEqual(moved.apiserver.certificate, first.apiserver.certificate);
  assert.deepEqual(parseCertificate(moved.apiserver.certificate).ipAddresses, ["10.80.1.1"]);
  await clock.advance(300 * 86_400_000);
  const later = await load("10.80.1.1");
  assert.notEqual(later.admin.certificate, first.admin.certificate);
  assert.equal(later.authority, first.authority);
  const node = await later.node("n1", "10.80.0.2");
  assert.deepEqual(parseCertificate(node.kubelet.certificate).organizations, ["system:nodes"]);
  for (const file of [later.admin.keyFile, later.serviceAccountKeyFile, join(directory, "ca.key")]) {
    assert.equal((await stat(file)).mode & 0o077, 0, file);
  }
});
