import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { configMaps, secrets } from "../../api/resource-types.ts";
import type { ConfigMap, Secret } from "../../api/types/core.v1.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { bootstrapSigner, detachedSignature } from "./signer.ts";
import { tokenCleaner } from "./token-cleaner.ts";
import { expiresAt, signingToken } from "./token-secrets.ts";

const token = (id: string, fields: Record<string, string> = {}, name = `bootstrap-token-${id}`): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  type: "bootstrap.kubernetes.io/token",
  metadata: { name, namespace: "kube-system" },
  data: Object.fromEntries(
    Object.entries({
      "token-id": id,
      "token-secret": "f395accd246ae52d",
      "usage-bootstrap-signing": "true",
      ...fields,
    }).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  ),
});
const clusterInfo: ConfigMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "cluster-info", namespace: "kube-public" },
  data: { kubeconfig: "payload", "jws-kubeconfig-gone00": "old", other: "kept" },
};
const inOneHour = (now: number) => new Date(now + 3_600_000).toISOString();

suite("bootstrap tokens", () => {
  const ends: [string, number][] = [
    ["", Number.POSITIVE_INFINITY],
    ["2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:00:00Z")],
    ["2026-01-01T02:00:00+02:00", Date.parse("2026-01-01T00:00:00Z")],
    ["tomorrow", 0],
    ["2026", 0],
  ];
  for (const [text, expected] of ends) {
    test(`expiration ${JSON.stringify(text)}`, () =>
      assert.equal(expiresAt(token("abcdef", { expiration: text })), expected));
  }

  const now = Date.parse("2026-01-01T00:00:00Z");
  const signing: [string, Secret, boolean][] = [
    ["a whole one", token("abcdef"), true],
    ["one of another name", token("abcdef", {}, "bootstrap-token-other0"), false],
    ["one of a name that is none", token("abcdef", {}, "abcdef"), false],
    ["one without a secret", token("abcdef", { "token-secret": "" }), false],
    ["one for authentication", token("abcdef", { "usage-bootstrap-signing": "" }), false],
    ["an expired one", token("abcdef", { expiration: "2026-01-01T00:00:00Z" }), false],
  ];
  for (const [name, secret, may] of signing) {
    test(`${name} ${may ? "signs" : "does not sign"}`, () =>
      assert.equal(signingToken(secret, now) !== undefined, may));
  }

  // Computed by OpenSSL: printf '%s.%s' HEADER PAYLOAD | openssl dgst -sha256 -mac HMAC -macopt key:my secret.
  test("the signature has no content", () => {
    const [header, content, signature] = detachedSignature("hello", { id: "joshua", secret: "my secret" }).split(".");
    assert.deepEqual(JSON.parse(Buffer.from(header!, "base64url").toString()), { alg: "HS256", kid: "joshua" });
    assert.equal(content, "");
    assert.equal(signature, "-E5td1FjOHcwyTYg8q_mi4C9_xUdv4oGY5IbuHTFk0w");
  });

  test("signs with the tokens that there are, until they end, and settles", () =>
    withControllers(
      bootstrapSigner,
      { objects: [clusterInfo, token("aaaaaa"), token("bbbbbb", { "usage-bootstrap-signing": "false" })] },
      async ({ fake, clock, settle, assertQuiet }) => {
        const data = () => fake.peek(configMaps, "cluster-info", "kube-public")?.data ?? {};
        assert.deepEqual(Object.keys(data()).sort(), ["jws-kubeconfig-aaaaaa", "kubeconfig", "other"]);
        const first = data()["jws-kubeconfig-aaaaaa"];
        fake.put(secrets, token("cccccc", { expiration: inOneHour(clock.now()) }));
        fake.put(configMaps, { ...fake.peek(configMaps, "cluster-info", "kube-public")!, data: { kubeconfig: "new" } });
        await settle();
        assert.deepEqual(Object.keys(data()).sort(), ["jws-kubeconfig-aaaaaa", "jws-kubeconfig-cccccc", "kubeconfig"]);
        assert.notEqual(data()["jws-kubeconfig-aaaaaa"], first);
        await settle(3_600_000);
        assert.deepEqual(Object.keys(data()).sort(), ["jws-kubeconfig-aaaaaa", "kubeconfig"]);
        await assertQuiet();
      },
    ));

  test("tokens go when they end, and not before", () =>
    withControllers(
      tokenCleaner,
      { objects: [token("forevr"), token("past00", { expiration: "2020-01-01T00:00:00Z" })] },
      async ({ fake, clock, settle, assertQuiet }) => {
        const names = () => fake.all(secrets).map(({ metadata }) => metadata?.name);
        fake.put(secrets, token("hour00", { expiration: inOneHour(clock.now()) }));
        await settle(3_500_000);
        assert.deepEqual(names(), ["bootstrap-token-forevr", "bootstrap-token-hour00"]);
        await settle(100_000);
        assert.deepEqual(names(), ["bootstrap-token-forevr"]);
        await assertQuiet();
      },
    ));
});
