import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { suite, test } from "node:test";
import { secrets, serviceAccounts } from "../../api/resource-types.ts";
import type { Secret, ServiceAccount } from "../../api/types/core.v1.ts";
import { isSigned, parseToken, tokenKey } from "../../base/jwt.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { missingData, serviceAccountTokenController } from "./token-controller.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const settings = {
  serviceAccountPrivateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  rootCa: "PEM",
};
const encoded = (text: string) => Buffer.from(text).toString("base64");
const account = (rest: Partial<ServiceAccount> = {}): ServiceAccount => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name: "robot", namespace: "default", uid: "uid-1" },
  ...rest,
});
const secret = (name: string, annotations: Record<string, string>, data?: Record<string, string>): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  type: "kubernetes.io/service-account-token",
  metadata: { name, namespace: "default", annotations },
  ...(data ? { data } : {}),
});
const ofRobot = { "kubernetes.io/service-account.name": "robot" };
const ofFirstRobot = { ...ofRobot, "kubernetes.io/service-account.uid": "uid-1" };

suite("what a token Secret lacks", () => {
  const full = { "ca.crt": encoded("PEM"), namespace: encoded("default"), token: "abc" };
  const cases: [string, Record<string, string>, string | undefined, ReturnType<typeof missingData>][] = [
    ["nothing", full, "PEM", undefined],
    ["another authority", { ...full, "ca.crt": "b2xk" }, "PEM", { "ca.crt": encoded("PEM") }],
    ["an authority nobody knows", { ...full, "ca.crt": "b2xk" }, undefined, undefined],
    ["a namespace that was chosen stays", { ...full, namespace: "b3RoZXI=" }, "PEM", undefined],
    ["all", {}, "PEM", { "ca.crt": encoded("PEM"), namespace: encoded("default"), token: true }],
  ];
  for (const [name, data, ca, expected] of cases) {
    test(name, () => assert.deepEqual(missingData(secret("s", ofRobot, data), ca), expected));
  }
});

suite("serviceaccount tokens", () => {
  test("a Secret gets token, authority, namespace and the account's uid, and then stays", () =>
    withControllers(
      serviceAccountTokenController,
      { objects: [account(), secret("robot-token", ofRobot)], settings },
      async ({ fake, assertQuiet }) => {
        const filled = fake.peek(secrets, "robot-token", "default")!;
        assert.equal(filled.metadata?.annotations?.["kubernetes.io/service-account.uid"], "uid-1");
        assert.equal(filled.data?.["ca.crt"], encoded("PEM"));
        assert.equal(filled.data?.namespace, encoded("default"));
        const token = parseToken(Buffer.from(filled.data?.token ?? "", "base64").toString())!;
        assert.ok(isSigned(token, [tokenKey(publicKey)]));
        assert.deepEqual(token.claims, {
          iss: "kubernetes/serviceaccount",
          "kubernetes.io/serviceaccount/namespace": "default",
          "kubernetes.io/serviceaccount/secret.name": "robot-token",
          "kubernetes.io/serviceaccount/service-account.name": "robot",
          "kubernetes.io/serviceaccount/service-account.uid": "uid-1",
          sub: "system:serviceaccount:default:robot",
        });
        assert.equal(fake.writes().length, 1);
        await assertQuiet();
      },
    ));

  test("Secrets go with their account, also where a new one has its name", () =>
    withControllers(
      serviceAccountTokenController,
      {
        objects: [
          account(),
          secret("a", ofFirstRobot),
          secret("never", { "kubernetes.io/service-account.name": "no" }),
        ],
        settings,
      },
      async ({ fake, settle }) => {
        const names = () => fake.all(secrets).map(({ metadata }) => metadata?.name);
        assert.deepEqual(names(), ["a"]);
        fake.remove(serviceAccounts, "robot", "default");
        fake.put(serviceAccounts, account({ metadata: { name: "robot", namespace: "default", uid: "uid-2" } }));
        await settle();
        assert.deepEqual(names(), []);
      },
    ));

  test("an account no longer mentions a Secret that was deleted, and keeps the others", () =>
    withControllers(
      serviceAccountTokenController,
      { objects: [account({ secrets: [{ name: "a" }, { name: "pull" }] }), secret("a", ofFirstRobot)], settings },
      async ({ fake, settle, assertQuiet }) => {
        fake.remove(secrets, "a", "default");
        await settle();
        assert.deepEqual(fake.peek(serviceAccounts, "robot", "default")?.secrets, [{ name: "pull" }]);
        await assertQuiet();
      },
    ));

  test("without a key nothing is done", () =>
    withControllers(serviceAccountTokenController, { objects: [secret("a", ofRobot)] }, async ({ fake }) =>
      assert.equal(fake.actions.length, 0),
    ));
});
