import assert from "node:assert/strict";
import { test } from "node:test";
import { schemaOf } from "../schema/schema.ts";
import type { JsonObject } from "./go-format.ts";
import { strategicMergePatch } from "./strategic.ts";

const pod = schemaOf({ group: "", version: "v1", kind: "Pod" })!;
const deployment = schemaOf({ group: "apps", version: "v1", kind: "Deployment" })!;
const service = schemaOf({ group: "", version: "v1", kind: "Service" })!;
const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
};
const named = (...names: string[]) => names.map((name) => ({ name }));
const containers = (...names: string[]) => ({ spec: { containers: named(...names) } });
const patched = (live: JsonObject, patch: JsonObject, schema = pod) =>
  strategicMergePatch(frozen(live), frozen(patch), schema);

test("maps merge, null deletes, scalars and other lists replace", () => {
  assert.deepEqual(
    patched(
      { metadata: { labels: { a: "1", b: "2" } }, spec: { nodeName: "x", tolerations: [{ key: "a" }] } },
      { metadata: { labels: { a: null, z: null, c: "3" } }, spec: { nodeName: "y", tolerations: [{ key: "b" }] } },
    ),
    { metadata: { labels: { b: "2", c: "3" } }, spec: { nodeName: "y", tolerations: [{ key: "b" }] } },
  );
  assert.deepEqual(
    patched({ metadata: { labels: { a: "b" } } }, { metadata: { labels: { $patch: "replace", c: "d" } } }),
    {
      metadata: { labels: { c: "d" } },
    },
  );
  assert.deepEqual(patched({ metadata: { labels: { a: "b" } } }, { metadata: { labels: { $patch: "delete" } } }), {
    metadata: { labels: {} },
  });
});

test("keyed lists merge by key, also in lists", () => {
  assert.deepEqual(
    patched(
      { spec: { containers: [{ name: "a", image: "1", env: [{ name: "X", value: "1" }] }, { name: "b" }] } },
      { spec: { containers: [{ name: "a", env: [{ name: "X", value: "2" }, { name: "Y" }] }] } },
    ),
    {
      spec: {
        containers: [{ name: "a", image: "1", env: [{ name: "X", value: "2" }, { name: "Y" }] }, { name: "b" }],
      },
    },
  );
  assert.deepEqual(
    patched(
      {
        spec: {
          ports: [
            { port: 80, protocol: "TCP" },
            { port: 80, protocol: "UDP" },
          ],
        },
      },
      { spec: { ports: [{ port: 80, name: "x" }] } },
      service,
    ),
    {
      spec: {
        ports: [
          { port: 80, protocol: "TCP", name: "x" },
          { port: 80, protocol: "UDP" },
        ],
      },
    },
  );
});

test("order", () => {
  const cases: [string[], JsonObject, string[]][] = [
    [["a", "b"], containers("x"), ["x", "a", "b"]],
    [["a", "b", "c"], containers("x", "b"), ["x", "a", "b", "c"]],
    [["a", "b", "c"], containers("c", "x", "a"), ["b", "c", "x", "a"]],
    [["a", "b", "c"], containers("b", "x"), ["a", "b", "x", "c"]],
    [["a", "b", "c", "d"], { spec: { "$setElementOrder/containers": named("d", "q", "a") } }, ["b", "c", "d", "a"]],
    [
      ["a", "b"],
      { spec: { containers: named("x"), "$setElementOrder/containers": named("b", "x", "a") } },
      ["b", "x", "a"],
    ],
    [["a"], { spec: { containers: [{ name: "a", $patch: "delete" }, { name: "c" }] } }, ["c"]],
    [["a"], { spec: { containers: [{ $patch: "replace" }, { name: "c" }] } }, ["c"]],
    // An item that takes the place of a deleted one.
    [
      ["a", "d", "c"],
      {
        spec: {
          containers: [{ name: "e" }, { name: "d", $patch: "delete" }],
          "$setElementOrder/containers": named("e"),
        },
      },
      ["a", "c", "e"],
    ],
  ];
  for (const [live, patch, wanted] of cases) {
    assert.deepEqual(patched(containers(...live), patch), containers(...wanted), JSON.stringify(patch));
  }
});

test("sets of scalars", () => {
  const cases: [JsonObject, string[]][] = [
    [{ finalizers: ["c", "b"] }, ["c", "a", "b"]],
    [{ "$deleteFromPrimitiveList/finalizers": ["b", "x"] }, ["a"]],
    [
      {
        finalizers: ["d"],
        "$setElementOrder/finalizers": ["b", "d", "a"],
        "$deleteFromPrimitiveList/finalizers": ["b"],
      },
      ["d", "a"],
    ],
  ];
  for (const [patch, finalizers] of cases) {
    assert.deepEqual(patched({ metadata: { finalizers: ["a", "b"] } }, { metadata: patch }), {
      metadata: { finalizers },
    });
  }
});

test("retainKeys drops what the patch does not name", () => {
  assert.deepEqual(
    patched(
      { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } },
      { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } },
      deployment,
    ),
    { spec: { strategy: { type: "Recreate" } } },
  );
  assert.deepEqual(
    patched(
      { spec: { volumes: [{ name: "a", emptyDir: {} }] } },
      { spec: { volumes: [{ name: "a", $retainKeys: ["name", "secret"], secret: { secretName: "s" } }] } },
    ),
    { spec: { volumes: [{ name: "a", secret: { secretName: "s" } }] } },
  );
});

test("what is refused", () => {
  const cases: [JsonObject, string, string][] = [
    [
      { spec: { containers: [{ image: "c" }] } },
      "internal",
      "map: map[image:c] does not contain declared merge key: name",
    ],
    [{ spec: { containers: [1] } }, "internal", "list element types are not identical: [[map[name:a]] [1]]"],
    [
      { spec: { containers: [{ name: "x", $patch: "merge" }] } },
      "internal",
      "merging lists cannot yet be specified in the patch",
    ],
    [
      { spec: { containers: [{ name: "x", $patch: "y" }] } },
      "internal",
      "unknown patch type: y in map: map[$patch:y name:x]",
    ],
    [{ spec: { $patch: "y" } }, "internal", "unknown patch type: y in map: map[$patch:y]"],
    [{ spec: { containers: [{ name: "a", $retainKeys: 1 }] } }, "malformed", "invalid patch format of retainKeys"],
    [
      { spec: { containers: named("b"), "$setElementOrder/containers": named("a") } },
      "internal",
      "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
    ],
    [
      { spec: { "$setElementOrder/containers": {} } },
      "internal",
      "expected a []interface {}, but received a map[string]interface {}",
    ],
  ];
  for (const [patch, kind, message] of cases) {
    assert.throws(() => patched(containers("a"), patch), { name: "StrategicPatchError", kind, message });
  }
});
