import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../../api/resource-types.ts";
import type { ClusterRole, ClusterRoleBinding } from "../../api/types/rbac.v1.ts";
import { fakeClient } from "../../client/fake-client.fixture.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import { rbacAuthorizer } from "./authorizer.ts";
import { bootstrapPolicy, parseRule } from "./bootstrap-policy.ts";
import { PolicyIndex } from "./policy-index.ts";
import { planBinding, planRole, reconcileBootstrapPolicy } from "./reconcile.ts";

const policy = bootstrapPolicy();

test("the policy has upstream's roles, labelled and annotated", () => {
  const counts = [policy.clusterRoles, policy.clusterRoleBindings, policy.roles, policy.roleBindings].map(
    (all) => all.length,
  );
  assert.deepEqual(counts, [69, 50, 7, 7]);
  for (const { metadata } of Object.values(policy).flat()) {
    assert.equal(metadata?.labels?.["kubernetes.io/bootstrapping"], "rbac-defaults");
    assert.equal(metadata?.annotations?.["rbac.authorization.kubernetes.io/autoupdate"], "true");
  }
  const names = new Set(policy.clusterRoles.map((role) => role.metadata?.name));
  for (const binding of policy.clusterRoleBindings) assert.ok(names.has(binding.roleRef.name), binding.roleRef.name);
});

test("each verb set and form of a rule is read", () => {
  assert.deepEqual(parseRule("core apps : pods : READ delete : a b"), {
    apiGroups: ["", "apps"],
    resources: ["pods"],
    verbs: ["get", "list", "watch", "delete"],
    resourceNames: ["a", "b"],
  });
  assert.deepEqual(parseRule("path : /healthz /livez/* : get"), {
    nonResourceURLs: ["/healthz", "/livez/*"],
    verbs: ["get"],
  });
});

for (const [who, verb, resource, allowed] of [
  ["view", "get", "pods", true],
  ["view", "get", "secrets", false],
  ["view", "create", "pods", false],
  ["edit", "get", "secrets", true],
  ["edit", "get", "pods", true],
  ["edit", "create", "rolebindings", false],
  ["admin", "create", "rolebindings", true],
  ["admin", "create", "pods", true],
  ["admin", "create", "nodes", false],
] as [string, string, string, boolean][]) {
  test(`the aggregated role ${who} ${allowed ? "may" : "may not"} ${verb} ${resource}`, async () => {
    const lookup = memoryLookup();
    lookup.put(clusterRoles, ...policy.clusterRoles);
    const roleRef = { kind: "ClusterRole", name: who };
    lookup.put(clusterRoleBindings, { metadata: { name: "b" }, roleRef, subjects: [{ kind: "User", name: "u" }] });
    const index = new PolicyIndex();
    await index.start(lookup);
    const group = resource === "rolebindings" ? "rbac.authorization.k8s.io" : "";
    const answer = await rbacAuthorizer(index).authorize({
      user: { name: "u", groups: [] },
      verb,
      resource,
      group,
      namespace: "a",
    });
    assert.equal(answer.decision === "allow", allowed);
  });
}

test("a new cluster gets all, the next start changes nothing, a damaged role is mended", async () => {
  const client = fakeClient();
  await reconcileBootstrapPolicy(client, policy);
  const created = async () => ({
    clusterRoles: (await client.resource(clusterRoles).list()).items.length,
    clusterRoleBindings: (await client.resource(clusterRoleBindings).list()).items.length,
    roles: (await client.resource(roles).list()).items.length,
    roleBindings: (await client.resource(roleBindings).list()).items.length,
  });
  assert.deepEqual(await created(), { clusterRoles: 69, clusterRoleBindings: 50, roles: 7, roleBindings: 7 });
  client.clearActions();
  await reconcileBootstrapPolicy(client, policy);
  assert.deepEqual(client.writes(), []);
  const dns = await client.resource(clusterRoles).get("system:kube-dns");
  await client.resource(clusterRoles).update({ ...dns, rules: [parseRule("core : nodes : get")] });
  client.clearActions();
  await reconcileBootstrapPolicy(client, policy);
  assert.deepEqual(
    client.writes().map(({ verb, name }) => `${verb} ${name}`),
    ["update system:kube-dns"],
  );
  const mended = await client.resource(clusterRoles).get("system:kube-dns");
  assert.deepEqual(
    mended.rules?.map((rule) => rule.resources),
    [["nodes"], ["endpoints"], ["services"]],
  );
});

const wanted: ClusterRole = {
  metadata: { name: "r", labels: { a: "1" }, annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" } },
  rules: [parseRule("core : pods : get")],
};
test("a role gets what it lacks and keeps what it has", () => {
  assert.deepEqual(planRole(undefined, wanted), { action: "create", object: wanted });
  assert.deepEqual(planRole(wanted, wanted), { action: "none" });
  const own = {
    ...wanted,
    metadata: { ...wanted.metadata, labels: { a: "2", b: "3" } },
    rules: [parseRule("core : pods : *")],
  };
  assert.deepEqual(planRole(own, wanted), { action: "none" });
  const annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false" };
  assert.deepEqual(planRole({ metadata: { name: "r", annotations } }, wanted), { action: "none" });
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { x: "y" } }] };
  const plan = planRole({ metadata: { name: "r" }, aggregationRule }, wanted);
  assert.deepEqual(plan, { action: "update", object: wanted });
  const aggregated = { ...wanted, aggregationRule };
  assert.deepEqual(planRole({ ...aggregated, rules: [parseRule("core : nodes : get")] }, aggregated), {
    action: "none",
  });
});

test("a binding gets the subjects it lacks, and is made anew for another role", () => {
  const binding: ClusterRoleBinding = {
    metadata: { name: "b" },
    roleRef: { kind: "ClusterRole", name: "r" },
    subjects: [{ kind: "User", name: "u" }],
  };
  const more = { ...binding, subjects: [{ kind: "User", name: "v" }] };
  assert.deepEqual(planBinding(binding, { ...binding, subjects: [] }), { action: "none" });
  assert.deepEqual(
    (planBinding(binding, more) as { object: ClusterRoleBinding }).object.subjects?.map(({ name }) => name),
    ["u", "v"],
  );
  const other = { ...binding, roleRef: { kind: "ClusterRole", name: "s" } };
  assert.deepEqual(planBinding(binding, other), { action: "replace", object: other });
});
