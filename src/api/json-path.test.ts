import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonPathError, parseJsonPath } from "./json-path.ts";

const object = {
  metadata: { annotations: { "a.b/c": "x" } },
  spec: { ports: [{ port: 1, name: "a" }, { port: 2, name: "b" }, { port: 3 }] },
  status: {
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Synced", status: "False" },
    ],
  },
};

for (const [path, expected] of [
  [".spec.ports[0].port", [1]],
  ["$.spec.ports[1].port", [2]],
  [".spec.ports[-1].port", [3]],
  [".spec.ports[1:].port", [2, 3]],
  [".spec.ports[:2].port", [1, 2]],
  [".spec.ports[::2].port", [1, 3]],
  [".spec.ports[0,2].port", [1, 3]],
  [".spec.ports[*].name", ["a", "b"]],
  [".spec.ports.port", []],
  ["..name", ["a", "b"]],
  [".metadata.annotations['a.b/c']", ["x"]],
  [".metadata.annotations.a\\.b/c", ["x"]],
  ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
  [".status.conditions[?(@.type != 'Ready')].status", ["False"]],
  [".spec.ports[?(@.port>1)].port", [2, 3]],
  [".spec.ports[?(@.name)].port", [1, 2]],
  [".spec.nothing.there", []],
  [".spec.ports[7].port", []],
] as const) {
  test(`${path} finds ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(parseJsonPath(path)(object), expected);
  });
}

for (const path of ["spec", ".a[", ".a[b]", ".a..", ".a[?(b==1)]", ".a[::0]"]) {
  test(`${path} is no path`, () => {
    assert.throws(() => parseJsonPath(path), JsonPathError);
  });
}
