import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../base/random.ts";
import type { UnknownObject } from "../../object.ts";
import { parseApiVersion } from "../../object.ts";
import { schemaOf } from "../../schema/schema.ts";
import { decodeJson } from "../decode.ts";
import { messageKinds } from "./message-type.ts";
import { decodeMessage, encodeEvent, encodeList, encodeObject, openEnvelope } from "./protobuf.ts";
import { Samples } from "./samples.fixture.ts";
import { ProtobufError } from "./wire-reader.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
function decode(bytes: Uint8Array): UnknownObject {
  const { apiVersion, kind, raw } = openEnvelope(bytes);
  return decodeMessage(apiVersion, kind, raw);
}
/** A field with its bytes' length before them. */
function field(tag: number, bytes: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([tag, ...length, rest]), bytes]);
}
/** An envelope around a message given in hexadecimal. */
function envelope(apiVersion: string, kind: string, message: string): Uint8Array {
  const typeMeta = Buffer.concat([field(0x0a, Buffer.from(apiVersion)), field(0x12, Buffer.from(kind))]);
  return Buffer.concat([Buffer.from("k8s\0"), field(0x0a, typeMeta), field(0x12, Buffer.from(message, "hex"))]);
}

test("an object's bytes are upstream's", () => {
  const configMap = {
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { name: "a", creationTimestamp: "2026-01-02T03:04:05Z", labels: { b: "2", a: "1" } },
    data: { k: "" },
    binaryData: { x: "AP8=" },
    immutable: false,
  };
  const expected = [
    "6b387300", // k8s\0
    "0a0f0a02763112", // TypeMeta
    "09436f6e6669674d6170",
    "123d", // raw
    "0a290a01611200", // metadata, empty fields included
    "1a0022002a003200380042080",
    "8a5ebdcca061000", // whole seconds
    "5a060a01611201315a060a0162120132", // labels, sorted
    "12050a016b1200", // data
    "1a070a0178120200ff", // binaryData
    "2000", // a pointer to false
    "1a002200", // contentEncoding, contentType
  ];
  assert.equal(hex(encodeObject(configMap)), expected.join(""));
  assert.deepEqual(decode(Buffer.from(expected.join(""), "hex")), configMap);
});

test("objects of every kind come back as they were, and as JSON would have brought them", () => {
  const random = seededRandom(7);
  for (const [key, message] of messageKinds()) {
    const slash = key.lastIndexOf("/");
    const [apiVersion, kind] = [key.slice(0, slash), key.slice(slash + 1)];
    const expected = { ...parseApiVersion(apiVersion), kind };
    for (const density of [0, 0.3, 0.8]) {
      const object = { kind, apiVersion, ...new Samples(random, density).object(message) };
      assert.deepEqual(decode(encodeObject(object)), object, key);
      if (!schemaOf(expected)) continue;
      const fromJson = decodeJson(Buffer.from(JSON.stringify(object)), expected, "Strict").object;
      assert.deepEqual(fromJson, object, `JSON of ${key}`);
    }
  }
});

test("what is absent is filled in as upstream shows it", () => {
  const pod = decode(envelope("v1", "Pod", "12070a050a01761200"));
  assert.deepEqual(pod, {
    kind: "Pod",
    apiVersion: "v1",
    metadata: {},
    spec: { volumes: [{ name: "v" }] },
    status: {},
  });
  const endpoints = decode(envelope("policy/v1", "PodDisruptionBudget", ""));
  assert.deepEqual(endpoints["status"], {
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
  });
});

test("null and absent are written alike", () => {
  const bare = { kind: "Pod", apiVersion: "v1" };
  const nulls = {
    ...bare,
    metadata: { creationTimestamp: null, labels: null },
    spec: { containers: null },
    status: null,
  };
  assert.equal(hex(encodeObject(nulls as unknown as UnknownObject)), hex(encodeObject(bare)));
});

test("a list in pieces is the list as a whole", () => {
  const random = seededRandom(3);
  const items = Array.from({ length: 300 }, () => new Samples(random, 0.3).object("core.v1.Pod"));
  const list = { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "7", continue: "more" } };
  const pieces = encodeList(list, items.length, (index) => ({ kind: "Pod", apiVersion: "v1", ...items[index] }));
  assert.ok(pieces.length > 1, "the list was to be longer than a piece");
  assert.equal(hex(Buffer.concat(pieces)), hex(encodeObject({ ...list, items })));
  assert.deepEqual(decode(Buffer.concat(pieces)), { ...list, items });
  assert.deepEqual(decode(Buffer.concat(encodeList(list, 0, () => ({})))), list);
});

test("a watch event is a frame with an object in its own envelope", () => {
  const object = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" }, data: { k: "x".repeat(200) } };
  const frame = encodeEvent("MODIFIED", object);
  assert.equal(Buffer.from(frame).readUInt32BE(0), frame.length - 4);
  const event = decodeMessage("v1", "WatchEvent", frame.subarray(4));
  assert.deepEqual(event, { kind: "WatchEvent", apiVersion: "v1", type: "MODIFIED", object });
  const raw = Buffer.from(encodeObject(object));
  assert.ok(Buffer.from(frame).includes(raw));
});

test("later writings of a field count, and add to messages and lists", () => {
  // immutable true, then false; data a, then b; metadata with a name, then one with a namespace and an empty name
  const message = "2001" + "12060a0161120131" + "0a030a016e" + "2000" + "12060a0162120132" + "0a050a001a016d";
  const object = decode(envelope("v1", "ConfigMap", message));
  assert.deepEqual(object, {
    kind: "ConfigMap",
    apiVersion: "v1",
    immutable: false,
    data: { a: "1", b: "2" },
    metadata: { namespace: "m" },
  });
});

test("unknown fields are passed over, packed numbers read", () => {
  // field 90 as a varint, as bytes, as a group with a field inside, as 4 and as 8 bytes; then data
  const unknown = "d00501" + "d205026162" + "d305" + "080a" + "d405" + "d50501020304" + "d1050102030405060708";
  const object = decode(envelope("v1", "ConfigMap", `${unknown}12060a0161120131`));
  assert.deepEqual(object["data"], { a: "1" });
  // supplementalGroups of a pod's security context, field 4 of field 14 of the spec
  const pod = decode(envelope("v1", "Pod", "1207" + "7205" + "2203" + "018001")) as { spec?: UnknownObject };
  assert.deepEqual(pod.spec?.["securityContext"], { supplementalGroups: [1, 128] });
});

test("bytes that are no such message are refused in upstream's words", () => {
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /^empty data$/],
    [Buffer.from("k8s"), /does not appear to be a protobuf message, expected prefix \[107 56 115 0\]/],
    [Buffer.from("{}{}{}"), /does not appear to be a protobuf message/],
    [Buffer.from("k8s\0"), /^empty body$/],
    [Buffer.from("6b3873001205aa", "hex"), /^unexpected EOF$/],
    [envelope("v1", "ConfigMap", "1000"), /^proto: wrong wireType = 0 for field Data$/],
    [envelope("v1", "ConfigMap", "0affffffff7f"), /^unexpected EOF$/],
    [envelope("v1", "ConfigMap", "0affffffffffffffffff01"), /^proto: negative length/],
    [envelope("v1", "ConfigMap", "20ffffffffffffffffffff01"), /^proto: integer overflow$/],
    [envelope("v1", "ConfigMap", "00"), /^proto: illegal tag 0 \(wire type 0\)$/],
    [envelope("v1", "ConfigMap", "0c"), /^proto: wrong wireType = 4 for field Metadata$/],
    [envelope("v1", "ConfigMap", "d405"), /^proto: wiretype end group for non-group$/],
    [envelope("v1", "ConfigMap", "d605"), /^proto: illegal wireType 6$/],
    [envelope("v1", "ResourceQuota", "120b0a090a0161" + "12040a026d6d"), /^unable to parse quantity's suffix$/],
    [envelope("apps/v1", "ControllerRevision", "12030a017b"), /^invalid JSON: /],
    [envelope("v1", "WatchEvent", "12090a076b3873000a0022"), /^unexpected EOF$/],
    [envelope("v1", "WatchEvent", "120a0a086b3873000a020a00"), /^no kind "" is registered for version ""$/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(() => decode(bytes), { name: "ProtobufError", message }, hex(bytes));
  }
});

test("bytes cut off or changed at any place give an object or an error, and soon", () => {
  const random = seededRandom(11);
  const samples = ["core.v1.Pod", "apps.v1.Deployment", "apiextensions.v1.CustomResourceDefinition"].map((name) =>
    encodeObject({
      ...new Samples(random, 0.4).object(name),
      apiVersion: { Pod: "v1", Deployment: "apps/v1" }[name.split(".").pop()!] ?? "apiextensions.k8s.io/v1",
      kind: name.split(".").pop()!,
    }),
  );
  const survives = (bytes: Uint8Array) => {
    try {
      decode(bytes);
    } catch (error) {
      // A kind that was changed to one that does not exist is a RangeError here; the server asks beforehand.
      const isKind = error instanceof RangeError && error.message.endsWith("has no protobuf form");
      assert.ok(error instanceof ProtobufError || isKind, String(error));
    }
  };
  for (const sample of samples) {
    const step = Math.ceil(sample.length / 400);
    for (let length = 0; length < sample.length; length += step) survives(sample.subarray(0, length));
    for (let round = 0; round < 400; round++) {
      const changed = Buffer.from(sample);
      for (let i = 0; i < 3; i++) changed[Math.floor(random.next() * changed.length)] = Math.floor(random.next() * 256);
      survives(changed);
    }
  }
});

test("nesting has a limit", () => {
  const nested = (levels: number) => {
    let schema: UnknownObject = {};
    for (let level = 0; level < levels; level++) schema = { not: schema };
    const validation = { openAPIV3Schema: schema };
    const spec = { group: "", names: { plural: "", kind: "" }, scope: "", versions: [{ schema: validation }] };
    return encodeObject({
      kind: "CustomResourceDefinition",
      apiVersion: "apiextensions.k8s.io/v1",
      spec,
    } as UnknownObject);
  };
  assert.doesNotThrow(() => decode(nested(400)));
  assert.throws(() => decode(nested(600)), { name: "ProtobufError", message: "exceeded max depth" });
  // Lists within lists count as well: three messages a level.
  const lists = (levels: number) => {
    let list = envelope("v1", "ConfigMap", "");
    for (let level = 0; level < levels; level++) {
      const items = field(0x12, field(0x0a, list));
      list = envelope("v1", "List", hex(items));
    }
    return list;
  };
  assert.doesNotThrow(() => decode(lists(100)));
  assert.throws(() => decode(lists(400)), { name: "ProtobufError", message: "exceeded max depth" });
});

test("hostile lengths allocate nothing", () => {
  const before = process.memoryUsage().arrayBuffers;
  for (const length of ["ffffffff07", "ffffffff0f", "808080808020", "ffffffffffff7f"]) {
    assert.throws(() => decode(envelope("v1", "Secret", `0a${length}`)), { message: "unexpected EOF" });
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
});

test("an object that is not of its type is refused, and the next one written well", () => {
  const good = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" } };
  const bytes = hex(encodeObject(good));
  const wrong = { ...good, data: { a: 5 } };
  assert.throws(() => encodeObject(wrong as UnknownObject), {
    name: "TypeError",
    message: "number in place of a string",
  });
  assert.equal(hex(encodeObject(good)), bytes);
  assert.throws(() => encodeObject({ kind: "Table", apiVersion: "meta.k8s.io/v1" }), {
    name: "RangeError",
    message: "meta.k8s.io/v1 Table has no protobuf form",
  });
});
