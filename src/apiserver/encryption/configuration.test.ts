import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../base/logger.ts";
import { systemRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { parseEncryptionConfiguration } from "./configuration.ts";
import { resourceOfKey } from "./resource-of-key.ts";
import { makeTransformers } from "./transformers.ts";

const KEY = Buffer.alloc(32, 1).toString("base64");
const header = { apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration" };
const rule = (resources: string[], ...providers: object[]) => ({ resources, providers });
const aes = { aesgcm: { keys: [{ name: "key1", secret: KEY }] } };
const kms = (more: object = {}) => ({ kms: { apiVersion: "v2", name: "p", endpoint: "unix:///tmp/p.sock", ...more } });
const parse = (body: object, reload = false) =>
  parseEncryptionConfiguration(JSON.stringify({ ...header, ...body }), { reload });

for (const [title, body, expected] of [
  ["nothing", {}, "resources: Required value: at least one resources is required"],
  ["no provider", { resources: [rule(["secrets"])] }, /resources\[0\]\.providers: Required value: at least one/],
  ["no resource", { resources: [rule([], aes)] }, /resources\[0\]\.resources: Required value: at least one/],
  [
    "an unknown field",
    { resources: [rule(["secrets"], { aesgmc: {} })] },
    /unknown field "resources\[0\]\.providers\[0\]\.aesgmc"/,
  ],
  [
    "two providers in one",
    { resources: [rule(["secrets"], { ...aes, identity: {} })] },
    /more than one provider specified/,
  ],
  ["an empty provider", { resources: [rule(["secrets"], {})] }, /does not contain any of the expected providers/],
  [
    "a short key",
    { resources: [rule(["secrets"], { aesgcm: { keys: [{ name: "a", secret: "YWJj" }] } })] },
    /keys\[0\]\.secret: Invalid value: "REDACTED": secret is not of the expected length, got 3, expected one of \[16 24 32\]/,
  ],
  [
    "a secretbox key of 16 bytes",
    {
      resources: [
        rule(["secrets"], { secretbox: { keys: [{ name: "a", secret: Buffer.alloc(16).toString("base64") }] } }),
      ],
    },
    /expected one of \[32\]/,
  ],
  [
    "no base64",
    { resources: [rule(["secrets"], { aescbc: { keys: [{ name: "a", secret: "%" }] } })] },
    /secrets must be base64 encoded/,
  ],
  [
    "a key without name",
    { resources: [rule(["secrets"], { aescbc: { keys: [{ secret: KEY }] } })] },
    /keys\[0\]\.name: Required value: name is a mandatory field for a key/,
  ],
  ["no keys", { resources: [rule(["secrets"], { aescbc: { keys: [] } })] }, /aescbc\.keys: Required value/],
  ["capital letters", { resources: [rule(["Secrets"], aes)] }, /should not contain capital letters/],
  ["a lone star", { resources: [rule(["*"], aes)] }, /use '\*\.' to encrypt/],
  ["one resource of all groups", { resources: [rule(["secrets.*"], aes)] }, /across groups is not supported/],
  ["events of their other group", { resources: [rule(["events.events.k8s.io"], aes)] }, /Use 'events' instead/],
  ["what has no API", { resources: [rule(["serviceipallocations"], aes)] }, /do not have REST API/],
  ["overlapping resources", { resources: [rule(["*.", "secrets"], aes)] }, /using overlapping resources/],
  ["the same twice", { resources: [rule(["secrets", "secrets"], aes)] }, /cannot be specified multiple times/],
  [
    "KMS by TCP",
    { resources: [rule(["secrets"], kms({ endpoint: "tcp://x:1" }))] },
    /unsupported scheme "tcp" for KMS provider/,
  ],
  ["KMS nowhere", { resources: [rule(["secrets"], kms({ endpoint: "" }))] }, /endpoint is a mandatory field for a kms/],
  [
    "KMS with a cache size",
    { resources: [rule(["secrets"], kms({ cachesize: 5 }))] },
    /cachesize is not supported in v2/,
  ],
  ["KMS in no time", { resources: [rule(["secrets"], kms({ timeout: "0s" }))] }, /timeout should be a positive value/],
  ["KMS named with a colon", { resources: [rule(["secrets"], kms({ name: "a:b" }))] }, /must not contain ':'/],
  ["KMS of another version", { resources: [rule(["secrets"], kms({ apiVersion: "v3" }))] }, /unsupported apiVersion/],
  [
    "the same KMS twice",
    { resources: [rule(["secrets"], kms()), rule(["configmaps"], kms())] },
    /duplicate KMS provider name p/,
  ],
  [
    "a good one",
    { resources: [rule(["secrets", "*.apps"], aes, { identity: {} }), rule(["*.*"], kms({ timeout: "1s" }))] },
    undefined,
  ],
] as [string, object, RegExp | string | undefined][]) {
  test(`encryption configuration: ${title}`, async () => {
    if (expected === undefined) await parse(body);
    else
      await assert.rejects(parse(body), (error: Error) => {
        if (typeof expected === "string") assert.equal(error.message, expected);
        else assert.match(error.message, expected);
        assert.ok(!error.message.includes(KEY), "no key is shown");
        return true;
      });
  });
}

test("a file of another kind or version is refused", async () => {
  const text = (body: object) => JSON.stringify({ resources: [rule(["secrets"], aes)], ...body });
  const read = (body: object) => parseEncryptionConfiguration(text(body), { reload: false });
  await assert.rejects(read({}), /Object 'Kind' is missing/);
  await assert.rejects(read({ ...header, kind: "Pod" }), /no kind "Pod" is registered/);
  await assert.rejects(
    read({ ...header, apiVersion: "v1" }),
    /no kind "EncryptionConfiguration" is registered for version "v1"/,
  );
});

const services = { clock: virtualClock(), random: systemRandom(), logger: silentLogger };
const config = async (body: object) => makeTransformers(await parse(body), services);
const key = (name: string) => ({ aescbc: { keys: [{ name, secret: KEY }] } });
const context = { key: Buffer.from("/registry/x"), resource: "x" };

test("the narrowest rule counts, and a rule that never would is refused", async () => {
  const made = await config({
    resources: [
      rule(["secrets"], key("exact")),
      rule(["*."], key("core")),
      rule(["*.apps"], key("apps")),
      rule(["*.*"], key("all")),
    ],
  });
  const nameFor = (group: string, resource: string) =>
    Buffer.from(made.of(group, resource).toStorage(Buffer.from("x"), context) as Uint8Array)
      .toString("latin1")
      .split(":")[4];
  assert.deepEqual(
    [nameFor("", "secrets"), nameFor("", "pods"), nameFor("apps", "deployments"), nameFor("example.org", "things")],
    ["exact", "core", "apps", "all"],
  );
  await assert.rejects(
    config({ resources: [rule(["*.apps"], key("a")), rule(["deployments.apps"], key("b"))] }),
    /resource "deployments\.apps" is masked by earlier rule "\*\.apps"/,
  );
  await assert.rejects(
    config({ resources: [rule(["*.*"], key("a")), rule(["secrets"], key("b"))] }),
    /"secrets" is masked by earlier rule "\*\.\*"/,
  );
  assert.equal(
    (await config({ resources: [rule(["secrets"], key("a"))] }))
      .of("", "pods")
      .toStorage(Buffer.from("x"), context)
      .toString(),
    "x",
  );
});

test("KMS v1 is refused", async () => {
  const v1 = { kms: { name: "p", endpoint: "unix:///tmp/p.sock" } };
  await assert.rejects(config({ resources: [rule(["secrets"], v1)] }), /KMSv1 is deprecated/);
});

test("keys tell their resource", () => {
  const of = resourceOfKey([
    { group: "", resource: "secrets" },
    { group: "", resource: "services" },
    { group: "", resource: "endpoints" },
    { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" },
  ]);
  assert.deepEqual(of("/registry/secrets/default/a"), { group: "", resource: "secrets" });
  assert.deepEqual(of("/registry/services/specs/default/a"), { group: "", resource: "services" });
  assert.deepEqual(of("/registry/services/endpoints/default/a"), { group: "", resource: "endpoints" });
  assert.equal(of("/registry/apiextensions.k8s.io/customresourcedefinitions/x")?.resource, "customresourcedefinitions");
  assert.deepEqual(of("/registry/example.org/things/default/a"), { group: "example.org", resource: "things" });
  assert.equal(of("/registry/ranges/serviceips"), undefined);
});
