import assert from "node:assert/strict";
import { test } from "node:test";
import { compileQuery } from "./query.ts";

const pod = {
  metadata: { name: "p", labels: { "a.b/c": "x" }, ownerReferences: [{ kind: "Job" }, { kind: "Other" }] },
  spec: { containers: [{ name: "c1" }, { name: "c2" }], replicas: 3 },
  status: {
    phase: "Running",
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Initialized", status: "False" },
    ],
  },
};

const cases: [string, readonly unknown[] | undefined][] = [
  [".metadata.name", ["p"]],
  [".metadata.deletionTimestamp", []],
  ['.metadata.labels["a.b/c"]', ["x"]],
  ['.metadata.labels."a.b/c"', ["x"]],
  [".nothing.at.all", []],
  [".metadata.ownerReferences.[].kind", ["Job", "Other"]],
  [".metadata.ownerReferences[0].kind", ["Job"]],
  [".metadata.ownerReferences[-1].kind", ["Other"]],
  ['.status.conditions.[] | select( .type == "Ready" ) | .status', ["True"]],
  ['.status.conditions[] | select(.type == "Ready" and .status == "False") | .status', []],
  ['.status.conditions[] | select(.type == "Ready" or .status == "False") | .type', ["Ready", "Initialized"]],
  [".nothing[]", undefined],
  [".nothing[]?", []],
  [".metadata.name.x", undefined],
  [".metadata.name.x?", []],
  ['.nothing // "default"', ["default"]],
  [".spec.containers | length", [2]],
  ["[.spec.containers[].name]", [["c1", "c2"]]],
  [".spec.replicas > 2", [true]],
  ['.spec | has("replicas")', [true]],
  ['.status.phase | startswith("Run") | not', [false]],
  ['[.spec.containers[].name] - ["c2", "x"]', [["c1"]]],
  [".spec.replicas - 1", [2]],
  [".metadata.name, .status.phase", ["p", "Running"]],
];

for (const [source, expected] of cases) {
  test(`query ${source}`, () => assert.deepEqual(compileQuery(source)(pod), expected));
}

test("what is not supported or malformed is refused with its place", () => {
  assert.throws(() => compileQuery(".a | limit(1; .b)"), /jq: .*";" at character 13/);
  assert.throws(() => compileQuery(".a | foo"), /"foo" is not supported here at character 6/);
  assert.throws(() => compileQuery(".a | foo(.b)"), /the function foo\/1 is not supported/);
  assert.throws(() => compileQuery(".a["), /unexpected end/);
  assert.throws(() => compileQuery(".a)"), /unexpected "\)"/);
  assert.throws(() => compileQuery('"\\(.a)"'), /interpolation/);
});
