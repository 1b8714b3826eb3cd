import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { certificateSigningRequests, subjectAccessReviews } from "../../api/resource-types.ts";
import type { SubjectAccessReview } from "../../api/types/authorization.v1.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates.v1.ts";
import { newAuthority, newCertificateRequest, newKeyPair, parseCertificate, privateKeyPem } from "../../base/x509.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { approvingController } from "./approving-controller.ts";
import { cleanerController } from "./cleaner-controller.ts";
import { KUBELET_CLIENT } from "./signers.ts";
import { signingController } from "./signing-controller.ts";

const NOW = Date.UTC(2026, 0, 1);
const authority = newAuthority({ commonName: "ca", now: NOW, validityMs: 10 * 365 * 86_400_000 });
const clusterSigning = { certificate: authority.certificatePem, key: privateKeyPem(authority.privateKey) };

interface Wanted {
  signer?: string;
  commonName?: string;
  organizations?: string[];
  dnsNames?: string[];
  usages?: string[];
  username?: string;
  approved?: boolean;
  expirationSeconds?: number;
}

function request(wanted: Wanted = {}): CertificateSigningRequest {
  const { privateKey } = newKeyPair();
  const { commonName = "system:node:n1", organizations = ["system:nodes"], dnsNames = [] } = wanted;
  const pem = newCertificateRequest({ commonName, organizations, dnsNames, privateKey });
  const condition = {
    type: "Approved",
    status: "True",
    reason: "r",
    message: "",
    lastUpdateTime: "2026-01-01T00:00:00Z",
  };
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "csr", uid: "u", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      request: Buffer.from(pem).toString("base64"),
      signerName: wanted.signer ?? KUBELET_CLIENT,
      usages: wanted.usages ?? ["digital signature", "client auth"],
      username: wanted.username ?? "system:node:n1",
      ...(wanted.expirationSeconds ? { expirationSeconds: wanted.expirationSeconds } : {}),
    },
    ...(wanted.approved ? { status: { conditions: [condition] } } : {}),
  };
}

suite("certificate signing requests", () => {
  for (const [what, wanted, allowed, message] of [
    ["a node's own", {}, ["selfnodeclient"], /^Auto approving self kubelet client/],
    ["that of a node that joins", { username: "bootstrap" }, ["nodeclient"], /^Auto approving kubelet client/],
    ["one that nobody may ask for", {}, [], undefined],
    ["another node's, by one who may renew its own only", { username: "other" }, ["selfnodeclient"], undefined],
    ["one that names no node", { commonName: "admin" }, ["selfnodeclient", "nodeclient"], undefined],
  ] as const) {
    test(`${what}: ${message ? "approved" : "left alone"}`, () =>
      withControllers(
        approvingController,
        {
          objects: [request(wanted as Wanted)],
          prepare: (fake) =>
            fake.intercept(({ verb, resource, body }) => {
              if (verb !== "create" || resource !== subjectAccessReviews.resource) return;
              // The fake gives back what it is sent: as if the server had decided.
              const review = body as SubjectAccessReview;
              const { subresource = "" } = review.spec.resourceAttributes ?? {};
              review.status = { allowed: (allowed as readonly string[]).includes(subresource) };
            }),
        },
        async ({ fake, settle }) => {
          await settle();
          const [condition] = fake.peek(certificateSigningRequests, "csr")?.status?.conditions ?? [];
          if (message) assert.match(condition?.message ?? "", message);
          else assert.equal(condition, undefined);
        },
      ));
  }

  for (const [what, wanted, failure] of [
    ["a kubelet's client certificate", {}, undefined],
    ["with alternative names", { dnsNames: ["n1"] }, "subject alternative names are not allowed"],
    [
      "a kubelet's serving certificate",
      { signer: "kubernetes.io/kubelet-serving", dnsNames: ["n1"], usages: ["server auth"] },
      undefined,
    ],
    [
      "a serving certificate of no name",
      { signer: "kubernetes.io/kubelet-serving", usages: ["server auth"] },
      "at least one DNS or IP subject alternative name is required",
    ],
    [
      "a user's",
      { signer: "kubernetes.io/kube-apiserver-client", commonName: "eve", organizations: ["dev"] },
      undefined,
    ],
    ["of another use", { usages: ["code signing"] }, /^usages did not match/],
    ["of another organization", { organizations: ["system:masters"] }, "subject organization is not system:nodes"],
  ] as const) {
    test(`signing ${what}`, () =>
      withControllers(
        signingController,
        { objects: [request({ ...(wanted as Wanted), approved: true })], settings: { clusterSigning } },
        async ({ fake, settle, assertQuiet }) => {
          await settle();
          const { status } = fake.peek(certificateSigningRequests, "csr")!;
          if (failure !== undefined) {
            const failed = status?.conditions?.find(({ type }) => type === "Failed");
            assert.equal(failed?.reason, "SignerValidationFailed");
            assert.match(failed?.message ?? "", typeof failure === "string" ? new RegExp(failure) : failure);
            assert.equal(status?.certificate, undefined);
          } else {
            const made = parseCertificate(Buffer.from(status!.certificate!, "base64").toString());
            const { commonName = "system:node:n1", usages = ["client auth"] } = wanted as Wanted;
            assert.equal(made.commonName, commonName);
            assert.deepEqual(made.usages, [usages.includes("server auth") ? "server" : "client"]);
            assert.equal(made.notAfter, NOW + 365 * 86_400_000);
          }
          await assertQuiet();
        },
      ));
  }

  test("an expiry that is asked for is kept to", () =>
    withControllers(
      signingController,
      { objects: [request({ approved: true, expirationSeconds: 3600 })], settings: { clusterSigning } },
      async ({ fake, settle }) => {
        await settle();
        const { status } = fake.peek(certificateSigningRequests, "csr")!;
        assert.equal(
          parseCertificate(Buffer.from(status!.certificate!, "base64").toString()).notAfter,
          NOW + 3_600_000,
        );
      },
    ));

  test("nothing is signed that is not approved, or without an authority", async () => {
    const unsigned = async ({ fake, settle }: Parameters<Parameters<typeof withControllers>[2]>[0]) => {
      await settle();
      assert.equal(fake.peek(certificateSigningRequests, "csr")!.status?.certificate, undefined);
    };
    await withControllers(signingController, { objects: [request()], settings: { clusterSigning } }, unsigned);
    await withControllers(signingController, { objects: [request({ approved: true })] }, unsigned);
  });

  test("requests go an hour after their end, or after a day without one", () =>
    withControllers(
      cleanerController,
      {
        objects: [
          request(),
          { ...request({ approved: true }), metadata: { name: "signed", creationTimestamp: "2026-01-01T00:00:00Z" } },
        ],
      },
      async ({ fake, settle }) => {
        const signed = fake.peek(certificateSigningRequests, "signed")!;
        const certificate = Buffer.from(authority.certificatePem).toString("base64");
        fake.put(certificateSigningRequests, { ...signed, status: { ...signed.status, certificate } });
        const left = () => fake.all(certificateSigningRequests).map(({ metadata }) => metadata!.name);
        await settle(3_599_000);
        assert.deepEqual(left().sort(), ["csr", "signed"]);
        await settle(1_000);
        assert.deepEqual(left(), ["csr"]);
        await settle(23 * 3_600_000);
        assert.deepEqual(left(), []);
      },
    ));
});
