import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { UnknownObject } from "../object.ts";
import { coerceObject } from "./coerce.ts";
import { setDefaults, withPrunedDefaults } from "./defaults.ts";
import { stringCheck } from "./formats.ts";
import { validateListTypes } from "./list-types.ts";
import { prune } from "./prune.ts";
import { followRulePath, RulePathError } from "./rule-path.ts";
import type { Schema } from "./structural.ts";

const KEEP = { "x-kubernetes-preserve-unknown-fields": true };
const EMBEDDED: Schema = { type: "object", "x-kubernetes-embedded-resource": true, ...KEEP };

describe("pruning", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      known: { type: "string" },
      list: { type: "array", items: { type: "object", properties: { known: {} } } },
      map: { type: "object", additionalProperties: { type: "object", properties: { known: {} } } },
      free: { type: "object", ...KEEP, properties: { strict: { type: "object" } } },
    },
  };
  test("takes away what is not specified, and tells where it was", () => {
    const unknown: string[] = [];
    const value = {
      no: 1,
      known: "x",
      list: [{ known: 1, no: 1 }],
      map: { any: { known: 1, no: { deep: 1 } } },
      free: { any: { thing: 1 }, strict: { no: 1 } },
    };
    prune(value, schema, unknown);
    assert.deepEqual(value, {
      known: "x",
      list: [{ known: 1 }],
      map: { any: { known: 1 } },
      free: { any: { thing: 1 }, strict: {} },
    });
    assert.deepEqual(unknown, ["free.strict.no", "list[0].no", "map.any.no", "no"]);
  });
});

describe("defaults", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      a: { type: "integer", default: 1 },
      nullable: { type: "integer", default: 2, nullable: true },
      inner: { type: "object", default: {}, properties: { b: { type: "string", default: "x" } } },
      list: { type: "array", items: { type: "object", properties: { c: { type: "integer", default: 3 } } } },
      map: { type: "object", additionalProperties: { type: "integer", default: 4 } },
    },
  };
  test("take the place of what is absent, and of nulls that may not be", () => {
    const value = { a: null, nullable: null, list: [{}, { c: null }], map: { k: null, l: 1 } };
    setDefaults(value, schema);
    assert.deepEqual(value, {
      a: 1,
      nullable: null,
      inner: { b: "x" },
      list: [{ c: 3 }, { c: 3 }],
      map: { k: 4, l: 1 },
    });
  });
  test("are pruned themselves", () => {
    const given: Schema = {
      type: "object",
      properties: { a: { type: "object", default: { b: 1, no: 2 }, properties: { b: { type: "integer" } } } },
    };
    const pruned = withPrunedDefaults(given, (object) => prune(object, given));
    assert.deepEqual(pruned.properties?.["a"]?.default, { b: 1 });
    assert.deepEqual(given.properties?.["a"]?.default, { b: 1, no: 2 });
  });
});

describe("objects", () => {
  const coerced = (object: UnknownObject, schema: Schema, lenient = false) => {
    const unknown: string[] = [];
    coerceObject(object, schema, { lenient, unknown });
    return { object, unknown };
  };
  test("keep their metadata in its canonical form, and embedded ones theirs", () => {
    const schema: Schema = { type: "object", properties: { template: EMBEDDED } };
    const { object, unknown } = coerced(
      {
        apiVersion: "a/v1",
        kind: "A",
        metadata: { name: "x", odd: 1 } as object,
        template: { apiVersion: "v1", kind: "Pod", metadata: { labels: { a: "b" }, odd: 2 }, spec: { any: 1 } },
      },
      schema,
    );
    assert.deepEqual(object.metadata, { name: "x" });
    assert.deepEqual(object["template"], {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { labels: { a: "b" } },
      spec: { any: 1 },
    });
    assert.deepEqual(unknown, ["metadata.odd", "template.metadata.odd"]);
  });
  test("are refused for metadata of a wrong type, unless they are old", () => {
    const bad = () =>
      ({ apiVersion: "a/v1", kind: "A", metadata: { name: "x", labels: { a: 1 } } }) as unknown as UnknownObject;
    assert.throws(
      () => coerced(bad(), { type: "object" }),
      /json: cannot unmarshal number into Go struct field ObjectMeta\.labels of type string/,
    );
    assert.deepEqual(coerced(bad(), { type: "object" }, true).object.metadata, { name: "x" });
  });
});

test("sets and keyed lists tell what stands twice, once", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      set: { type: "array", "x-kubernetes-list-type": "set", items: { type: "integer" } },
      map: {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["a", "b"],
        items: { type: "object" },
      },
    },
  };
  const value = {
    set: [1, 2, 1, 1],
    map: [
      { a: 1, b: 1 },
      { a: 1, b: 2 },
      { a: 1, b: 1, c: 1 },
    ],
  };
  assert.deepEqual(
    validateListTypes(value, schema).map(({ field, message }) => `${field}: ${message}`),
    ["set[2]: Duplicate value: 1", 'map[2]: Duplicate value: {"a":1,"b":1}'],
  );
});

test("the paths of rules follow the schema", () => {
  const schema: Schema = {
    type: "object",
    properties: { "a.b": { type: "object", additionalProperties: { type: "object", properties: { c: {} } } } },
  };
  assert.equal(followRulePath("['a.b']['it\\'s'].c", schema).path, "a.b[it's].c");
  for (const bad of ["a", ".a", "['a.b'", "['a.b'].x.y", ".", "[a]"]) {
    assert.throws(() => followRulePath(bad, schema), RulePathError, bad);
  }
});

const FORMATS: Readonly<Record<string, readonly [good: readonly string[], bad: readonly string[]]>> = {
  bsonobjectid: [["507f1f77bcf86cd799439011"], ["507f"]],
  uri: [
    ["https://a.example.com/x?y#z", "/a", "urn:a:b"],
    ["a", "http://[::1", "http://a b", "%zz"],
  ],
  email: [
    ["a@example.com", "A B <a.b@example.com>", '"a b"@example.com'],
    ["a", "@b", "a@b@", "a b@c"],
  ],
  hostname: [
    ["a", "a.example.com"],
    ["-a", "a_b.example.com", `${"a".repeat(64)}.com`],
  ],
  ipv4: [
    ["1.2.3.4", "01.2.3.4"],
    ["1.2.3", "::1"],
  ],
  ipv6: [
    ["::1", "2001:db8::1"],
    ["1.2.3.4", ":::"],
  ],
  cidr: [
    ["10.0.0.0/8", "2001:db8::/32"],
    ["10.0.0.0", "10.0.0.0/33"],
  ],
  mac: [
    ["01:23:45:67:89:ab", "01-23-45-67-89-ab", "0123.4567.89ab"],
    ["01:23", "01:23-45:67:89:ab"],
  ],
  uuid: [["C2D29867-3D0B-D497-9191-18A9D8EE7830"], ["c2d29867"]],
  uuid4: [["57b73598-8764-4ad0-a76a-679bb6640eb1"], ["57b73598-8764-3ad0-a76a-679bb6640eb1"]],
  isbn10: [["0-321-75104-3"], ["0-321-75104-4"]],
  isbn13: [["978-0321751041"], ["978-0321751042"]],
  creditcard: [["4111 1111 1111 1111"], ["4111 1111 1111 1112"]],
  ssn: [["111-11-1111"], ["111-11-111"]],
  hexcolor: [["#FFF", "a0b1c2"], ["#FFFF"]],
  rgbcolor: [["rgb(0, 128,255)"], ["rgb(0,0,256)"]],
  byte: [["YQ=="], ["YQ", ""]],
  date: [["2024-02-29"], ["2023-02-29", "2024-2-1"]],
  "date-time": [
    ["2014-12-15T19:30:20.000Z", "2014-12-15t19:30:20+01:00"],
    ["2014-12-15", "2014-12-15T24:30:20Z"],
  ],
  duration: [
    ["1h30m", "22 ns", "3 days"],
    ["x", "5"],
  ],
  "k8s-short-name": [["a-b"], ["A", "a."]],
  "k8s-long-name": [["a.b-c"], ["a..b"]],
};
for (const [format, [good, bad]] of Object.entries(FORMATS)) {
  test(`the format ${format}`, () => {
    const check = stringCheck(format)!;
    for (const text of good) assert.equal(check(text), true, text);
    for (const text of bad) assert.equal(check(text), false, text);
  });
}
