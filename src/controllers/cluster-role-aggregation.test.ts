import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { clusterRoles } from "../api/resource-types.ts";
import type { ClusterRole } from "../api/types/rbac.v1.ts";
import { aggregatedRules, clusterRoleAggregationController } from "./cluster-role-aggregation.ts";
import { withControllers } from "./controller-bench.fixture.ts";

const rule = (resource: string) => ({ apiGroups: [""], resources: [resource], verbs: ["get"] });
const role = (name: string, label: string | undefined, ...resources: string[]): ClusterRole => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name, ...(label ? { labels: { [`to-${label}`]: "true" } } : {}) },
  rules: resources.map(rule),
});
const sum = (name: string, from: string, label?: string): ClusterRole => ({
  ...role(name, label),
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`to-${from}`]: "true" } }] },
});

suite("clusterrole aggregation", () => {
  test("rules come by role name, each once, without the role's own", () => {
    const self = { ...sum("all", "all", "all"), rules: [rule("own")] };
    const rules = aggregatedRules(self, [
      role("b", "all", "x", "y"),
      self,
      role("a", "all", "y", "z"),
      role("c", "no", "w"),
    ]);
    assert.deepEqual(rules, ["y", "z", "x"].map(rule));
  });

  test("follows changes, through several levels, and settles", () =>
    withControllers(
      clusterRoleAggregationController,
      { objects: [role("base", "view", "pods"), sum("view", "view", "edit"), sum("edit", "edit")] },
      async (bench) => {
        const rules = (name: string) =>
          bench.fake.peek(clusterRoles, name)?.rules?.flatMap(({ resources }) => resources);
        assert.deepEqual(rules("edit"), ["pods"]);
        bench.fake.put(clusterRoles, role("crd", "view", "widgets"));
        await bench.settle();
        assert.deepEqual(rules("edit"), ["pods", "widgets"]);
        bench.fake.remove(clusterRoles, "base");
        await bench.settle();
        assert.deepEqual(rules("edit"), ["widgets"]);
        await bench.assertQuiet();
      },
    ));
});
