import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldValidation } from "../codec/decode.ts";
import type { UnknownObject } from "../object.ts";
import { StatusError } from "../status-error.ts";
import { jsonPatch, type Operation } from "./json-patch.ts";
import { mergePatch } from "./merge.ts";
import { type PatchType, patchObject } from "./patch.ts";

const kind = { group: "apps", version: "v1", kind: "Deployment" };
const live: UnknownObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: { replicas: 1, template: { metadata: {}, spec: { containers: [{ name: "a", resources: {} }] } }, strategy: {} },
  status: {},
};
const patch = (type: PatchType, body: unknown, validation: FieldValidation = "Strict") =>
  patchObject(live, Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), type, kind, validation);
const refusal = (type: PatchType, body: unknown, validation?: FieldValidation) => {
  try {
    patch(type, body, validation);
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return [error.code, error.reason, error.message];
  }
  return [];
};

test("JSON patch operations", () => {
  const document = Object.freeze({ a: [1, 2, 3], b: { c: "d" }, "x/y~z": 1 });
  const cases: [Operation[], unknown][] = [
    [[{ op: "add", path: "/a/-", value: 4 }], { ...document, a: [1, 2, 3, 4] }],
    [[{ op: "add", path: "/a/1", value: 4 }], { ...document, a: [1, 4, 2, 3] }],
    [[{ op: "add", path: "/a/-1", value: 4 }], { ...document, a: [1, 2, 3, 4] }],
    [[{ op: "remove", path: "/a/-1" }], { ...document, a: [1, 2] }],
    [[{ op: "replace", path: "/b/e", value: 1 }], { ...document, b: { c: "d", e: 1 } }],
    [[{ op: "move", from: "/b/c", path: "/e" }], { ...document, b: {}, e: "d" }],
    [
      [
        { op: "copy", from: "/b", path: "/e" },
        { op: "add", path: "/e/f", value: 1 },
      ],
      { ...document, e: { c: "d", f: 1 } },
    ],
    [[{ op: "test", path: "/x~1y~0z", value: 1 }], document],
    [[{ op: "test", path: "/b/none", value: null }], document],
  ];
  for (const [operations, wanted] of cases) assert.deepEqual(jsonPatch(document, operations), wanted);
  const refused: Operation[] = [
    { op: "test", path: "/b", value: { c: "e" } },
    { op: "remove", path: "/none" },
    { op: "add", path: "/none/x", value: 1 },
    { op: "add", path: "/a/5", value: 1 },
    { op: "add", path: "/a/x", value: 1 },
    { op: "copy", path: "/x" },
    { op: "turn", path: "/a" },
    { op: "add", path: "", value: {} },
  ];
  for (const operation of refused) {
    assert.throws(() => jsonPatch(document, [operation]), { name: "JsonPatchError" }, JSON.stringify(operation));
  }
});

test("copies have a bound in all, and what they make in depth", () => {
  const doubling: Operation[] = Array.from({ length: 40 }, (_, i) => ({ op: "copy", from: "/a", path: `/a/${i}` }));
  assert.throws(() => jsonPatch({ a: {} }, doubling), {
    name: "JsonPatchError",
    message: /^Unable to complete the copy, the accumulated size increase of copy is \d+, exceeding the limit 3145728$/,
  });
  const deep = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`) as object;
  const inner = "/a".repeat(900);
  assert.throws(() => jsonPatch(deep(900), [{ op: "copy", from: "/a", path: inner }]), {
    message: "exceeded max depth",
  });
  assert.doesNotThrow(() => jsonPatch(deep(900), [{ op: "add", path: inner, value: 1 }]));
  const named = jsonPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]) as object;
  assert.deepEqual([Object.keys(named), "polluted" in named], [["__proto__"], false]);
});

test("merge patch", () => {
  const cases: [object, object, object][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: { b: 1 } }, { a: [{ c: null }] }, { a: [{ c: null }] }],
  ];
  for (const [before, change, after] of cases) {
    assert.deepEqual(mergePatch(before as Record<string, unknown>, change as Record<string, unknown>), after);
  }
});

test("the result is decoded: canonical, kind kept, the live object untouched", () => {
  const before = JSON.stringify(live);
  for (const [type, body] of [
    ["json", [{ op: "replace", path: "/spec/replicas", value: 3 }]],
    ["merge", { spec: { replicas: 3 } }],
    ["strategic", { spec: { replicas: 3 } }],
  ] as const) {
    const { object, warnings } = patch(type, body);
    assert.deepEqual(object, { ...live, spec: { ...(live.spec as object), replicas: 3 } });
    assert.deepEqual(warnings, []);
    assert.equal(object.metadata, live.metadata);
  }
  assert.equal(JSON.stringify(live), before);
});

test("refusals are upstream's", () => {
  const start = ' "" is invalid: patch: Invalid value: ';
  const rejected = [422, "Invalid", "the server rejected our request due to an error in our request"];
  const cases: [PatchType, unknown, unknown[]][] = [
    ["json", [{ op: "test", path: "/metadata/name", value: "x" }], rejected],
    ["json", [{ op: "add", value: "x" }], rejected],
    [
      "json",
      "{}",
      [
        400,
        "BadRequest",
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
      ],
    ],
    [
      "merge",
      "[]",
      [
        400,
        "BadRequest",
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
      ],
    ],
    ["strategic", "{", [400, "BadRequest", "unexpected end of JSON input"]],
    [
      "strategic",
      { spec: { replicas: "3" } },
      [422, "Invalid", `${start}"map[spec:map[replicas:3]]": unrecognized type: int32`],
    ],
    [
      "strategic",
      { spec: { foo: 1 } },
      [422, "Invalid", `${start}"map[spec:map[foo:1]]": strict decoding error: unknown field "spec.foo"`],
    ],
    [
      "strategic",
      { spec: { template: { spec: { containers: [{}] } } } },
      [500, "", "map: map[] does not contain declared merge key: name"],
    ],
    [
      "strategic",
      { spec: { strategy: { $retainKeys: 1 } } },
      [400, "BadRequest", "invalid patch format of retainKeys"],
    ],
  ];
  for (const [type, body, wanted] of cases) assert.deepEqual(refusal(type, body), wanted);
  const [code, , message] = refusal("merge", { spec: { replicas: "3" } });
  assert.equal(code, 422);
  assert.match(
    String(message),
    /"replicas\\":\\"3\\".*: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32$/,
  );
  assert.equal(
    refusal(
      "json",
      Array.from({ length: 10001 }, () => ({ op: "test", path: "/x" })),
    )[0],
    413,
  );
  const custom = { ...kind, schema: { kind: "struct" as const, name: "", fields: new Map(), atomic: false } };
  assert.throws(() => patchObject(live, Buffer.from("{}"), "strategic", custom, "Warn"), { name: "StatusError" });
});

test("strict errors of the patch itself are told", () => {
  assert.deepEqual(patch("merge", '{"spec":{"replicas":1,"replicas":2,"foo":1}}', "Warn").warnings, [
    'duplicate field "spec.replicas"',
    'unknown field "spec.foo"',
  ]);
  assert.deepEqual(patch("json", [{ op: "test", path: "/kind", value: "Deployment", why: 1 }], "Warn").warnings, [
    'json patch unknown field "[0].why"',
  ]);
  assert.deepEqual(patch("merge", '{"spec":{"replicas":1,"replicas":2,"foo":1}}', "Ignore").warnings, []);
});
