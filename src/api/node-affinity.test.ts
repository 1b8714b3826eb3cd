import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesNodeSelectorTerm, matchesRequiredNodeAffinity, preferredNodeWeight } from "./node-affinity.ts";
import { findUntolerated, formatTaint, keepsPodsAway, tolerates } from "./taints.ts";
import type { NodeSelectorRequirement, Taint, Toleration } from "./types/core.v1.ts";

const node = { metadata: { name: "n1", labels: { zone: "a", cores: "8" } } };

test("requirements on labels", () => {
  const cases: [string, string, string[] | undefined, boolean][] = [
    ["zone", "In", ["a", "b"], true],
    ["zone", "NotIn", ["a"], false],
    ["none", "NotIn", ["a"], true],
    ["zone", "Exists", undefined, true],
    ["none", "DoesNotExist", undefined, true],
    ["cores", "Gt", ["7"], true],
    ["cores", "Lt", ["8"], false],
    ["zone", "Gt", ["1"], false],
    ["zone", "Odd", ["a"], false],
  ];
  for (const [key, operator, values, matches] of cases) {
    const requirement: NodeSelectorRequirement = { key, operator, values };
    assert.equal(matchesNodeSelectorTerm({ matchExpressions: [requirement] }, node), matches, `${key} ${operator}`);
  }
});

test("terms, fields and nodeSelector", () => {
  assert.equal(matchesNodeSelectorTerm({}, node), false);
  const byName = { matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] };
  assert.equal(matchesNodeSelectorTerm(byName, node), true);
  const other = { matchExpressions: [{ key: "zone", operator: "In", values: ["b"] }] };
  const required = (nodeSelectorTerms: object[]) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  });
  assert.equal(matchesRequiredNodeAffinity(required([other, byName]), node), true);
  assert.equal(matchesRequiredNodeAffinity(required([other]), node), false);
  assert.equal(matchesRequiredNodeAffinity(required([]), node), false);
  assert.equal(matchesRequiredNodeAffinity({ nodeSelector: { zone: "b" }, ...required([byName]) }, node), false);
  assert.equal(matchesRequiredNodeAffinity({}, node), true);
  assert.equal(
    preferredNodeWeight(
      [
        { weight: 5, preference: byName },
        { weight: 3, preference: other },
        { weight: 9, preference: {} },
      ],
      node,
    ),
    5,
  );
});

test("tolerations", () => {
  const taint: Taint = { key: "k", value: "v", effect: "NoSchedule" };
  const cases: [Toleration, boolean][] = [
    [{ operator: "Exists" }, true],
    [{ key: "k", operator: "Exists", effect: "NoExecute" }, false],
    [{ key: "k", value: "v" }, true],
    [{ key: "k", operator: "Equal", value: "w" }, false],
    [{ key: "k" }, false],
    [{ key: "k", operator: "Near", value: "v" }, false],
  ];
  for (const [toleration, result] of cases) assert.equal(tolerates(toleration, taint), result);
  const soft: Taint = { key: "s", effect: "PreferNoSchedule" };
  assert.equal(findUntolerated([soft, taint], [], keepsPodsAway), taint);
  assert.equal(findUntolerated([soft, taint], [{ operator: "Exists" }]), undefined);
  assert.equal(findUntolerated(undefined, undefined), undefined);
  assert.deepEqual([formatTaint(taint), formatTaint(soft)], ["k=v:NoSchedule", "s:PreferNoSchedule"]);
});
