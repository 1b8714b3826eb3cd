import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../base/logger.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { systemRandom } from "../../base/random.ts";
import { type VirtualClock, virtualClock } from "../../base/virtual-clock.ts";
import { memoryStore } from "../../store/memory.ts";
import { storeContract } from "../../store/store.contract.ts";
import { CompactedError, type Store, type StoreEvent } from "../../store/store.ts";
import { send, testServer } from "../server.fixture.ts";
import type { ApiServer } from "../server.ts";
import { encryptedStore } from "./encrypted-store.ts";
import { type Encryption, encryption } from "./encryption.ts";
import { type FakePlugin, fakePlugin } from "./kms/plugin.fixture.ts";
import { resourceOfKey } from "./resource-of-key.ts";

const secretOf = (byte: number) => Buffer.alloc(32, byte).toString("base64");
const cbc = (name: string, byte: number) => ({ aescbc: { keys: [{ name, secret: secretOf(byte) }] } });
const gcm = (name: string, byte: number) => ({ aesgcm: { keys: [{ name, secret: secretOf(byte) }] } });
const rules = (...providers: object[]) => [{ resources: ["secrets", "*.example.org"], providers }];
const file = (resources: object[]) =>
  JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources });

/** Encryption from a file that the test rewrites. */
async function fixture(resources: object[], clock: VirtualClock = virtualClock()) {
  let content = file(resources);
  const metrics = metricsRegistry();
  const encrypting = await encryption({
    path: "/encryption.yaml",
    reload: true,
    files: { readFile: (async () => content) as never },
    clock,
    random: systemRandom(),
    logger: silentLogger,
    metrics,
  });
  return {
    encrypting,
    metrics,
    clock,
    async change(next: object[] | string) {
      content = typeof next === "string" ? next : file(next);
      await encrypting.file!.check();
    },
  };
}
const resourceOf = resourceOfKey([
  { group: "", resource: "secrets" },
  { group: "", resource: "configmaps" },
]);
const wrap = (store: Store, { encrypting }: { encrypting: Encryption }) =>
  encryptedStore(store, encrypting, resourceOf);
const raw = async (store: Store, key: string) =>
  Buffer.from((await store.get(key)).entry?.value ?? "").toString("latin1");
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString();
const KEY = "/registry/secrets/default/a";

const contract = await fixture(rules(gcm("k", 1)));
storeContract("the encrypted store", async () => {
  const store = encryptedStore(memoryStore(), contract.encrypting, () => ({ group: "", resource: "secrets" }));
  return { store, dispose: () => store.close() };
});

test("only what the rules name is encrypted, custom resources too", async () => {
  const below = memoryStore();
  const store = wrap(below, await fixture(rules(gcm("key1", 1))));
  for (const key of [KEY, "/registry/example.org/things/default/a", "/registry/configmaps/default/a"]) {
    await store.compareAndSwap(key, 0, Buffer.from(`{"of":"${key}"}`));
    assert.equal(text((await store.get(key)).entry?.value), `{"of":"${key}"}`);
  }
  assert.match(await raw(below, KEY), /^k8s:enc:aesgcm:v1:key1:/);
  assert.match(await raw(below, "/registry/example.org/things/default/a"), /^k8s:enc:aesgcm:v1:key1:/);
  assert.match(await raw(below, "/registry/configmaps/default/a"), /^\{"of"/);
});

test("values are bound to the key that they have in the end", async () => {
  const below = memoryStore();
  const { encrypting } = await fixture(rules(gcm("key1", 1)));
  const at = (root: string) => encryptedStore(below, encrypting, resourceOf, (key) => key.replace("/registry", root));
  await at("/k8s").compareAndSwap(KEY, 0, Buffer.from("one"));
  assert.equal(text((await at("/k8s").get(KEY)).entry?.value), "one");
  const other = at("/registry");
  const { entry } = await other.get(KEY);
  assert.match(other.unreadable!(entry!.value)?.message ?? "", /message authentication failed/);
});

test("keys are rotated without a restart, and what is old is stale until it is written again", async () => {
  const below = memoryStore();
  const config = await fixture(rules(cbc("old", 1), { identity: {} }));
  const store = wrap(below, config);
  await store.compareAndSwap(KEY, 0, Buffer.from("one"));
  assert.equal(await store.stale!(KEY), false);
  await config.change(rules(gcm("new", 2), cbc("old", 1)));
  assert.equal(text((await store.get(KEY)).entry?.value), "one");
  assert.equal(await store.stale!(KEY), true);
  const { entry } = await store.get(KEY);
  await store.compareAndSwap(KEY, entry!.modRevision, Buffer.from("one"));
  assert.match(await raw(below, KEY), /^k8s:enc:aesgcm:v1:new:/);
  assert.equal(await store.stale!(KEY), false);
  assert.match(config.metrics.render(), /automatic_reloads_total\{status="success",apiserver_id_hash=""\} 1/);
});

test("a bad configuration is not taken over", async () => {
  const below = memoryStore();
  const config = await fixture(rules(gcm("key1", 1)));
  const store = wrap(below, config);
  await config.change("resources: [");
  await config.change(rules());
  await config.change("");
  await store.compareAndSwap(KEY, 0, Buffer.from("one"));
  assert.match(await raw(below, KEY), /^k8s:enc:aesgcm:v1:key1:/);
  assert.match(config.metrics.render(), /automatic_reloads_total\{status="failure",apiserver_id_hash=""\} 3/);
});

test("own writes come back without being decrypted, others' are", async () => {
  const below = memoryStore();
  const config = await fixture(rules(gcm("key1", 1)));
  const [store, other] = [wrap(below, config), wrap(below, config)];
  const seen: StoreEvent[] = [];
  store.watch("", 0, { onEvents: (events) => void seen.push(...events), onError: (error) => assert.fail(error) });
  const value = Buffer.from("mine");
  await store.compareAndSwap(KEY, 0, value);
  assert.equal(seen[0]?.entry?.value, value);
  const { entry } = await other.get(KEY);
  await other.compareAndSwap(KEY, entry!.modRevision, Buffer.from("theirs"));
  assert.deepEqual(
    seen.map((event) => text(event.entry?.value)),
    ["mine", "theirs"],
  );
  assert.equal(text(seen[1]?.previous?.value), "mine");
});

test("what can't be decrypted is told of one by one, and read again when the keys are there", async () => {
  const below = memoryStore();
  await wrap(below, await fixture(rules(gcm("key1", 1)))).compareAndSwap(KEY, 0, Buffer.from("one"));
  const config = await fixture(rules(gcm("key2", 2)));
  const store = wrap(below, config);
  await store.compareAndSwap("/registry/secrets/default/b", 0, Buffer.from("two"));
  const { entries } = await store.list("/registry/secrets/");
  assert.match(
    store.unreadable!(entries[0]!.value)?.message ?? "",
    /unable to transform key "\/registry\/secrets\/default\/a": no matching key was found/,
  );
  assert.equal(store.unreadable!(entries[1]!.value), undefined);
  assert.equal(text(entries[1]!.value), "two");
  const errors: Error[] = [];
  store.watch("", 0, { onEvents() {}, onError: (error) => void errors.push(error) });
  await config.change(rules(gcm("key2", 2), gcm("key1", 1)));
  assert.ok(errors[0] instanceof CompactedError);
  assert.equal(text((await store.get(KEY)).entry?.value), "one");
});

/** A server over an encrypted store. */
function serverOver(below: Store, config: { encrypting: Encryption }): ApiServer {
  return testServer({ store: wrap(below, config) });
}
const SECRETS = "/api/v1/namespaces/default/secrets";
const secret = (name: string) => ({ metadata: { name }, data: { token: Buffer.from("hush").toString("base64") } });

test("through the API: a write that changes nothing takes the new key", async () => {
  const below = memoryStore();
  const config = await fixture(rules(cbc("old", 1)));
  const server = serverOver(below, config);
  await server.ready;
  assert.equal((await send(server, "POST", SECRETS, secret("a"))).status, 201);
  assert.match(await raw(below, KEY), /^k8s:enc:aescbc:v1:old:/);
  assert.ok(!(await raw(below, KEY)).includes("token"));
  const before = await send<{ metadata: { resourceVersion: string } }>(server, "GET", `${SECRETS}/a`);
  const replace = () => send<typeof before.json>(server, "PUT", `${SECRETS}/a`, JSON.parse(before.text));
  assert.equal((await replace()).json.metadata.resourceVersion, before.json.metadata.resourceVersion);
  await config.change(rules(gcm("new", 2), cbc("old", 1)));
  assert.notEqual((await replace()).json.metadata.resourceVersion, before.json.metadata.resourceVersion);
  assert.match(await raw(below, KEY), /^k8s:enc:aesgcm:v1:new:/);
  await server.close(0);
});

test("through the API: a secret whose key is missing is an error, others are served", async () => {
  const below = memoryStore();
  const first = serverOver(below, await fixture(rules(gcm("key1", 1))));
  await first.ready;
  await send(first, "POST", SECRETS, secret("a"));
  await first.close(0);
  const config = await fixture(rules(gcm("key2", 2)));
  const server = serverOver(below, config);
  await server.ready;
  const lost = await send<{ message: string }>(server, "GET", `${SECRETS}/a`);
  assert.equal(lost.status, 500);
  assert.match(
    lost.json.message,
    /^Internal error occurred: unable to transform key "\/registry\/secrets\/default\/a"/,
  );
  assert.ok(!lost.text.includes("k8s:enc"));
  assert.equal((await send(server, "POST", SECRETS, secret("b"))).status, 201);
  assert.equal((await send(server, "GET", `${SECRETS}/b`)).status, 200);
  assert.equal((await send(server, "GET", SECRETS)).status, 500);
  await config.change(rules(gcm("key2", 2), gcm("key1", 1)));
  assert.equal((await send(server, "GET", `${SECRETS}/a`)).status, 200);
  assert.equal((await send(server, "GET", SECRETS)).status, 200);
  await server.close(0);
});

const withPlugin = (title: string, body: (plugin: FakePlugin) => Promise<void>) =>
  test(title, async () => {
    const plugin = await fakePlugin();
    try {
      await body(plugin);
    } finally {
      await plugin.close();
    }
  });
const kms = ({ endpoint }: FakePlugin, name = "vault") => ({
  kms: { apiVersion: "v2", name, endpoint, timeout: "2s" },
});

withPlugin("a KMS plugin is asked for keys, not for values, and rotates them", async (plugin) => {
  const below = memoryStore();
  const config = await fixture(rules(kms(plugin)));
  const store = wrap(below, config);
  for (let index = 0; index < 20; index++) {
    await store.compareAndSwap(`/registry/secrets/default/s${index}`, 0, Buffer.from(`value ${index}`));
  }
  assert.deepEqual(plugin.calls, { Status: 1, Encrypt: 1, Decrypt: 0 });
  assert.match(await raw(below, "/registry/secrets/default/s0"), /^k8s:enc:kms:v2:vault:/);

  const restarted = await fixture(rules(kms(plugin)));
  const { entries } = await wrap(below, restarted).list("/registry/secrets/");
  assert.equal(text(entries[7]!.value), text((await store.get(entries[7]!.key)).entry?.value));
  assert.equal(plugin.calls.Decrypt, 1);

  const key = "/registry/secrets/default/s0";
  assert.equal(await store.stale!(key), false);
  plugin.status.keyId = "key-2";
  await config.clock.advance(21_000);
  await config.encrypting.check!.check();
  assert.equal(await store.stale!(key), true);
  const { entry } = await store.get(key);
  await store.compareAndSwap(key, entry!.modRevision, entry!.value);
  assert.equal(await store.stale!(key), false);
  assert.match(config.metrics.render(), /key_id_hash_total\{transformation_type="to_storage",provider_name="vault"/);
  for (const one of [config, restarted]) one.encrypting.stop();
});

withPlugin("without its KMS plugin a server writes on for three minutes, and reads what it knows", async (plugin) => {
  const below = memoryStore();
  const config = await fixture(rules(kms(plugin)));
  const store = wrap(below, config);
  await store.compareAndSwap(KEY, 0, Buffer.from("one"));
  plugin.stop();
  await config.clock.advance(21_000);
  await assert.rejects(async () => config.encrypting.check!.check(), /failed to perform status section/);
  const { entry } = await store.get(KEY);
  await store.compareAndSwap(KEY, entry!.modRevision, Buffer.from("two"));
  await config.clock.advance(4 * 60_000);
  await assert.rejects(store.compareAndSwap("/registry/secrets/default/b", 0, Buffer.from("x")), /expired/);
  assert.equal(text((await store.get(KEY)).entry?.value), "two");
  assert.equal((await store.get("/registry/secrets/default/b")).entry, undefined);
  config.encrypting.stop();
});

withPlugin(
  "a KMS plugin may come up after the server, and must be well before a new configuration counts",
  async (plugin) => {
    const below = memoryStore();
    plugin.status.healthz = "sealed";
    const config = await fixture(rules(kms(plugin)));
    const store = wrap(below, config);
    await assert.rejects(async () => config.encrypting.check!.check(), /got unexpected healthz status: sealed/);
    plugin.status.healthz = "ok";
    await config.clock.advance(4_000);
    await config.encrypting.check!.check();
    await store.compareAndSwap(KEY, 0, Buffer.from("one"));
    assert.match(await raw(below, KEY), /^k8s:enc:kms:v2:vault:/);
    config.encrypting.stop();
  },
);

withPlugin("what a KMS plugin must not do is told", async (plugin) => {
  plugin.status.version = "v3";
  plugin.status.keyId = "";
  const config = await fixture(rules(kms(plugin)));
  await assert.rejects(
    async () => config.encrypting.check!.check(),
    /expected KMSv2 API version v2, got v3, got invalid KMSv2 KeyID: keyID is empty/,
  );
  assert.match(config.metrics.render(), /invalid_key_id_from_status_total\{provider_name="vault",error="empty"\} 1/);
  config.encrypting.stop();
});

withPlugin("events wait for the plugin in their order", async (plugin) => {
  const below = memoryStore();
  const writer = await fixture(rules(kms(plugin)));
  const reader = await fixture(rules(kms(plugin)));
  const [write, read] = [wrap(below, writer), wrap(below, reader)];
  const seen: string[] = [];
  const done = Promise.withResolvers<void>();
  read.watch("", 0, {
    onEvents(events) {
      for (const event of events) seen.push(text(event.entry?.value) ?? "");
      if (seen.length === 3) done.resolve();
    },
    onError: done.reject,
  });
  await write.compareAndSwap(KEY, 0, Buffer.from("1"));
  await write.compareAndSwap("/registry/configmaps/default/a", 0, Buffer.from("2"));
  await write.compareAndSwap("/registry/secrets/default/b", 0, Buffer.from("3"));
  await done.promise;
  assert.deepEqual(seen, ["1", "2", "3"]);
  for (const one of [writer, reader]) one.encrypting.stop();
});
