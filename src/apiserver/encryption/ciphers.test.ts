import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom } from "../../base/random.ts";
import { aesCbc, aesGcm, identity, secretbox, storageContext } from "./ciphers.ts";
import { extendedNonceGcm } from "./kms/extended-nonce.ts";
import { kmsSchema } from "./kms/service.ts";
import { type PlainValue, prefixed, type Transformer, TransientError } from "./transformer.ts";

const random = systemRandom();
const KEY = Buffer.alloc(32, 7);
const OTHER = Buffer.alloc(32, 8);
const at = (key: string) => storageContext(key, "secrets");
const HERE = at("/registry/secrets/default/a");
const PLAIN = Buffer.from('{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a"}}');

/** What upstream's transformers (k8s.io/apiserver v0.36.3) made of PLAIN with KEY at that path. */
const UPSTREAM = {
  aesgcm:
    "OsAA6YaYCz++/F5dw/Km34pFoVgyo+DU1RgouMKqibWftULLm/N7ry5mYr0JxBUSE05rCKRfG4bqnbmLPzh5FQu0mfOCnWuGOxQb2nwImxhaWb7H+gQS",
  aescbc:
    "h3CTVvfQ2lmPqfSd7xVmk7fMfppg93BgN7bRX4ePSNmVx9ls2klxcTt7KbxlplHm58k0bT95HYJ3AQ4w40V8NA6Gp8XPa9a8SoUglvgNuvI=",
  secretbox:
    "2kdsZXLF6N4E/V9fwtTi+kFDiEeirs13+SpTMFM0RTxYxvs5kkkm42agUOPU7ZuXozHYr1E2V5ajWiw34G07elDADqJpu5xcWXmcpv3qwrvBouSLQqKPGj9emDfaxs54x1yX",
  extended:
    "f0JdVFtAciURLGJwF3SGxOyrt5eD/YZgvtP2A1NcpFpjkacJZoBwDBpzyqLhPGtNGuZQ1awjOLvtM+KzE/YJXDffYQlwpikm6FqdoAJ0FQWQaCTu/7CoT2sAk+YFzLbr77aU7Ec9jmFq0ixduTaeTWAoSZICyv4=",
};
const make: Record<keyof typeof UPSTREAM, (key: Buffer) => Promise<Transformer>> = {
  aesgcm: async (key) => aesGcm(key, random),
  aescbc: async (key) => aesCbc(key, random),
  secretbox: (key) => secretbox(key, random),
  extended: async (key) => extendedNonceGcm(key, random),
};
const read = (transformer: Transformer, stored: Uint8Array, context = HERE) =>
  (transformer.fromStorage(stored, context) as PlainValue).plain;

for (const name of Object.keys(UPSTREAM) as (keyof typeof UPSTREAM)[]) {
  test(`${name} reads what upstream wrote, and what it wrote itself`, async () => {
    const transformer = await make[name](KEY);
    assert.deepEqual(Buffer.from(read(transformer, Buffer.from(UPSTREAM[name], "base64"))), PLAIN);
    const [first, second] = [transformer.toStorage(PLAIN, HERE), transformer.toStorage(PLAIN, HERE)] as Buffer[];
    assert.equal(first!.length, Buffer.from(UPSTREAM[name], "base64").length);
    assert.notDeepEqual(first, second);
    assert.ok(!first!.includes("Secret"));
    assert.deepEqual(Buffer.from(read(transformer, first!)), PLAIN);
    // Slices of larger buffers are read where they are.
    const offset = Buffer.concat([Buffer.alloc(5), first!]).subarray(5);
    assert.deepEqual(Buffer.from(read(transformer, offset)), PLAIN);
  });

  test(`${name} refuses another key, and what is cut short`, async () => {
    const stored = (await make[name](KEY)).toStorage(PLAIN, HERE) as Buffer;
    const other = await make[name](OTHER);
    // CBC has nothing but its padding to go by: one key in 256 passes, and what it reads is no JSON.
    if (name !== "aescbc") assert.throws(() => read(other, stored));
    assert.throws(() => read(other, stored.subarray(0, 7)), /shorter than the required size/);
    const changed = Buffer.from(stored);
    changed[40]! ^= 1;
    if (name !== "aescbc") {
      const own = await make[name](KEY);
      assert.throws(() => read(own, changed));
    }
  });
}

for (const name of ["aesgcm", "extended"] as const) {
  test(`${name} binds a value to its place`, async () => {
    const transformer = await make[name](KEY);
    const stored = transformer.toStorage(PLAIN, HERE) as Buffer;
    assert.throws(() => read(transformer, stored, at("/registry/secrets/default/b")), /authentication failed/);
  });
}

test("AES takes keys of 16 and 24 bytes, too", () => {
  for (const size of [16, 24]) {
    const key = Buffer.alloc(size, 3);
    for (const transformer of [aesGcm(key, random), aesCbc(key, random)]) {
      const stored = transformer.toStorage(PLAIN, HERE) as Buffer;
      assert.deepEqual(Buffer.from(read(transformer, stored)), PLAIN);
    }
  }
});

test("an envelope has upstream's bytes", () => {
  const codec = kmsSchema.codec("EncryptedObject");
  const message = {
    encryptedData: Buffer.from([1]),
    keyId: "k1",
    encryptedDekSource: Buffer.from("dek"),
    annotations: { "a.example.com": Buffer.from("x") },
    encryptedDekSourceType: "HKDF_SHA256_XNONCE_AES_GCM_SEED",
  } as const;
  const bytes = Buffer.from("CgEBEgJrMRoDZGVrIhIKDWEuZXhhbXBsZS5jb20SAXgoAQ==", "base64");
  assert.deepEqual(codec.encode(message), bytes);
  assert.deepEqual(codec.decode(bytes), message);
});

const cipher = (key: Buffer) => aesGcm(key, random);

test("the first transformer writes, all read, and what another one wrote is stale", () => {
  const one = { prefix: "1:", transformer: cipher(KEY) };
  const two = { prefix: "2:", transformer: cipher(OTHER) };
  const before = prefixed([one], "none");
  const after = prefixed([two, one, { prefix: "", transformer: identity }], "none");
  const stored = before.toStorage(PLAIN, HERE) as Buffer;
  assert.equal(stored.subarray(0, 2).toString(), "1:");
  assert.equal((before.fromStorage(stored, HERE) as PlainValue).stale, false);
  assert.equal((after.fromStorage(stored, HERE) as PlainValue).stale, true);
  assert.equal((after.fromStorage(after.toStorage(PLAIN, HERE) as Buffer, HERE) as PlainValue).stale, false);
  assert.deepEqual(after.fromStorage(PLAIN, HERE), { plain: PLAIN, stale: true });
  assert.throws(() => before.fromStorage(PLAIN, HERE), /^Error: none$/);
});

test("of transformers with the same prefix the one that can reads", () => {
  const one = prefixed([{ prefix: "p:", transformer: cipher(KEY) }], "none");
  const both = prefixed(
    [
      { prefix: "p:", transformer: cipher(OTHER) },
      { prefix: "p:", transformer: cipher(KEY) },
    ],
    "none",
  );
  const stored = one.toStorage(PLAIN, HERE) as Buffer;
  assert.deepEqual(both.fromStorage(stored, HERE), { plain: PLAIN, stale: true });
});

test("plain values are never taken for encrypted ones, nor the other way round", () => {
  const encrypted = Buffer.from("k8s:enc:aesgcm:v1:key1:xxx");
  assert.throws(() => identity.fromStorage(encrypted, HERE), /tried to read encrypted data/);
  const plainFirst = prefixed(
    [
      { prefix: "", transformer: identity },
      { prefix: "k8s:enc:", transformer: { ...identity, fromStorage: () => ({ plain: PLAIN, stale: false }) } },
    ],
    "none",
  );
  assert.deepEqual(plainFirst.fromStorage(encrypted, HERE), { plain: PLAIN, stale: true });
  assert.deepEqual(plainFirst.toStorage(PLAIN, HERE), PLAIN);
});

test("outcomes are told with their prefix, and a passing trouble outweighs the others", async () => {
  const told: unknown[] = [];
  const observer = {
    observe: (resource: string, direction: string, prefix: string, error?: unknown) =>
      void told.push([resource, direction, prefix, (error as Error | undefined)?.message]),
  };
  const busy: Transformer = {
    fromStorage: async () => {
      throw new TransientError("busy");
    },
    toStorage: async (plain) => plain,
  };
  const transformer = prefixed(
    [
      { prefix: "a:", transformer: busy },
      { prefix: "a:", transformer: cipher(KEY) },
    ],
    "none",
    observer,
  );
  assert.equal(
    Buffer.from(await transformer.toStorage(PLAIN, HERE))
      .subarray(0, 2)
      .toString(),
    "a:",
  );
  await assert.rejects(async () => transformer.fromStorage(Buffer.from("a:junkjunkjunkjunk"), HERE), TransientError);
  assert.throws(() => transformer.fromStorage(Buffer.from("b:"), HERE), /none/);
  assert.deepEqual(told, [
    ["secrets", "to_storage", "a:", undefined],
    ["secrets", "from_storage", "a:", "busy"],
    ["secrets", "from_storage", "a:", "cipher: message authentication failed"],
    ["secrets", "from_storage", "unknown", "none"],
  ]);
});
