import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../../api/object.ts";
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../../api/resource-types.ts";
import type { PolicyRule, RoleRef, Subject } from "../../api/types/rbac.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AdmissionAttributes } from "../admission/admission.ts";
import type { AuthorizationAttributes } from "../authorization.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import { rbacAuthorizer } from "./authorizer.ts";
import { parseRule } from "./bootstrap-policy.ts";
import { describeRule, missingRules } from "./coverage.ts";
import { escalationCheck } from "./escalation.ts";
import { PolicyIndex } from "./policy-index.ts";

const rule = parseRule;
const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups });
const named = (name: string, namespace?: string) => ({ metadata: { name, ...(namespace ? { namespace } : {}) } });
const clusterRole = (name: string): RoleRef => ({ kind: "ClusterRole", name });
const role = (name: string): RoleRef => ({ kind: "Role", name });
const toUser = (name: string): Subject => ({ kind: "User", name });
const toGroup = (name: string): Subject => ({ kind: "Group", name });
const toAccount = (name: string, namespace?: string): Subject => ({
  kind: "ServiceAccount",
  name,
  ...(namespace ? { namespace } : {}),
});

async function cluster() {
  const lookup = memoryLookup();
  lookup.put(
    clusterRoles,
    { ...named("reader"), rules: [rule("core : pods pods/log : READ"), rule("path : /logs /logs/* : get")] },
    { ...named("scaler"), rules: [rule("* : */scale : get update")] },
    { ...named("admin"), rules: [rule("* : * : *")] },
  );
  lookup.put(roles, { ...named("one-secret", "a"), rules: [rule("core : secrets : get : s1")] });
  lookup.put(
    clusterRoleBindings,
    { ...named("readers"), roleRef: clusterRole("reader"), subjects: [toUser("x"), toGroup("readers")] },
    {
      ...named("scalers"),
      roleRef: clusterRole("scaler"),
      subjects: [toAccount("hpa", "kube-system"), toAccount("nowhere")],
    },
    { ...named("lost"), roleRef: clusterRole("none"), subjects: [toUser("lost")] },
  );
  lookup.put(
    roleBindings,
    { ...named("secret", "a"), roleRef: role("one-secret"), subjects: [toUser("bob"), toAccount("web")] },
    { ...named("admins", "b"), roleRef: clusterRole("admin"), subjects: [toUser("bob")] },
  );
  const index = new PolicyIndex();
  const following = await index.start(lookup);
  return { lookup, index, following, authorizer: rbacAuthorizer(index) };
}

const ask = (verb: string, resource: string, rest: Partial<AuthorizationAttributes> = {}) => ({
  verb,
  group: "",
  resource,
  ...rest,
});
for (const [who, attributes, expected] of [
  [
    user("ann", "readers"),
    ask("get", "pods", { namespace: "a" }),
    'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "readers"',
  ],
  [user("ann", "readers"), ask("list", "pods"), /allowed/],
  [user("ann", "readers"), ask("get", "pods", { subresource: "log" }), /allowed/],
  [user("ann", "readers"), ask("get", "pods", { subresource: "status" }), undefined],
  [user("ann", "readers"), ask("delete", "pods"), undefined],
  [user("ann", "readers"), ask("get", "pods", { group: "metrics.k8s.io" }), undefined],
  [user("ann"), ask("get", "pods"), undefined],
  [user("x"), { verb: "get", path: "/logs" }, /allowed/],
  [user("x"), { verb: "get", path: "/logs/kern" }, /allowed/],
  [user("x"), { verb: "get", path: "/log" }, undefined],
  [user("x"), { verb: "post", path: "/logs" }, undefined],
  [
    user("system:serviceaccount:kube-system:hpa"),
    ask("update", "deployments", { group: "apps", subresource: "scale" }),
    'RBAC: allowed by ClusterRoleBinding "scalers" of ClusterRole "scaler" to ServiceAccount "hpa/kube-system"',
  ],
  [user("system:serviceaccount:kube-system:hpa"), ask("update", "deployments", { group: "apps" }), undefined],
  [
    user("bob"),
    ask("get", "secrets", { namespace: "a", name: "s1" }),
    'RBAC: allowed by RoleBinding "secret/a" of Role "one-secret" to User "bob"',
  ],
  [user("bob"), ask("get", "secrets", { namespace: "a", name: "s2" }), undefined],
  [user("bob"), ask("get", "secrets", { namespace: "a" }), undefined],
  [user("bob"), ask("get", "secrets", { namespace: "c", name: "s1" }), undefined],
  [user("bob"), ask("delete", "anything", { namespace: "b", group: "x" }), /allowed/],
  [user("bob"), ask("delete", "anything", { group: "x" }), undefined],
  [
    user("system:serviceaccount:a:web"),
    ask("get", "secrets", { namespace: "a", name: "s1" }),
    /to ServiceAccount "web\/a"/,
  ],
  [user("lost"), ask("get", "pods"), 'RBAC: clusterrole.rbac.authorization.k8s.io "none" not found'],
] as [UserInfo, Omit<AuthorizationAttributes, "user">, string | RegExp | undefined][]) {
  test(`RBAC: ${who.name} ${JSON.stringify(attributes)}`, async () => {
    const { authorizer } = await cluster();
    const answer = await authorizer.authorize({ user: who, ...attributes });
    const allowed = expected instanceof RegExp || (expected ?? "").startsWith("RBAC: allowed");
    assert.equal(answer.decision, allowed ? "allow" : "no-opinion");
    if (expected instanceof RegExp) assert.match(answer.reason ?? "", expected);
    else assert.equal(answer.reason, expected);
  });
}

test("the index follows roles and bindings", async () => {
  const { lookup, authorizer, following } = await cluster();
  const can = async (who: UserInfo, attributes: Omit<AuthorizationAttributes, "user">) =>
    (await authorizer.authorize({ user: who, ...attributes })).decision === "allow";
  const lost = user("lost");
  lookup.put(clusterRoles, { ...named("none"), rules: [rule("core : pods : get")] });
  assert.equal(await can(lost, ask("get", "pods")), true);
  lookup.put(clusterRoleBindings, { ...named("lost"), roleRef: clusterRole("none"), subjects: [toUser("found")] });
  assert.equal(await can(lost, ask("get", "pods")), false);
  assert.equal(await can(user("found"), ask("get", "pods")), true);
  lookup.remove(roleBindings, { ...named("admins", "b"), roleRef: clusterRole("admin") });
  assert.equal(await can(user("bob"), ask("get", "pods", { namespace: "b" })), false);
  following.stop();
  lookup.remove(clusterRoles, named("none"));
  assert.equal(await can(user("found"), ask("get", "pods")), true);
});

test("a user's rules are told, with what is missing", async () => {
  const { authorizer } = await cluster();
  const found = authorizer.rulesFor(user("bob", "readers"), "a");
  assert.deepEqual(found.rules.map(describeRule), [
    '{APIGroups:[""], Resources:["pods" "pods/log"], Verbs:["get" "list" "watch"]}',
    '{NonResourceURLs:["/logs" "/logs/*"], Verbs:["get"]}',
    '{APIGroups:[""], Resources:["secrets"], ResourceNames:["s1"], Verbs:["get"]}',
  ]);
  const lost = authorizer.rulesFor(user("lost"), "");
  assert.deepEqual(lost.errors, ['clusterrole.rbac.authorization.k8s.io "none" not found']);
});

for (const [held, wanted, missing] of [
  [["core : pods : get list"], ["core : pods : get"], []],
  [
    ["core : pods : get"],
    ["core : pods : get list watch"],
    ['{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}'],
  ],
  [["* : * : *"], ["apps : deployments/scale : update"], []],
  [["* : * : *"], ["path : / : get"], ['{NonResourceURLs:["/"], Verbs:["get"]}']],
  [["* : */scale : *"], ["apps : deployments/scale : update"], []],
  [
    ["* : */scale : *"],
    ["apps : deployments : update"],
    ['{APIGroups:["apps"], Resources:["deployments"], Verbs:["update"]}'],
  ],
  [["core : pods : get"], ["core : * : get"], ['{APIGroups:[""], Resources:["*"], Verbs:["get"]}']],
  [["core : pods : get : a b"], ["core : pods : get : a"], []],
  [["core : pods : get : a"], ["core : pods : get"], ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}']],
  [["core : pods : get"], ["core : pods : get : a"], []],
  [["path : /a/* : get"], ["path : /a/b /a/* : get"], []],
  [["core : pods : get", "core : pods : list"], ["core : pods : get list"], []],
] as [string[], string[], string[]][]) {
  test(`who holds [${held}] may grant [${wanted}]: ${missing.length === 0}`, () => {
    const rules = (texts: string[]): PolicyRule[] => texts.map(rule);
    assert.deepEqual(missingRules(rules(held), rules(wanted)).map(describeRule), missing);
  });
}

async function write(
  type: { resource: string },
  object: object,
  who: UserInfo,
  old?: object,
  extra: PolicyRule[] = [],
) {
  const { lookup, index, authorizer } = await cluster();
  lookup.put(clusterRoles, { ...named("extra"), rules: extra });
  lookup.put(clusterRoleBindings, { ...named("extra"), roleRef: clusterRole("extra"), subjects: [toUser(who.name)] });
  const plugin = escalationCheck({ authorizer, rules: authorizer, index });
  const metadata = (object as UnknownObject).metadata ?? {};
  const attributes = {
    operation: old ? "UPDATE" : "CREATE",
    type: { group: "rbac.authorization.k8s.io", version: "v1", kind: "X", namespaced: true, ...type },
    name: metadata.name ?? "",
    namespace: metadata.namespace,
    object,
    oldObject: old,
    user: who,
  } as unknown as AdmissionAttributes;
  assert.ok(plugin.handles(attributes));
  await plugin.validate!(attributes);
}

const pods = { ...named("new"), rules: [rule("core : pods : get delete")] };
const ann = user("ann", "readers");
test("nobody grants by a role what they don't have", async () => {
  await write(clusterRoles, { ...named("new"), rules: [rule("core : pods : get")] }, ann);
  await assert.rejects(write(clusterRoles, pods, ann), {
    message:
      'clusterroles.rbac.authorization.k8s.io "new" is forbidden: user "ann" (groups=["readers"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
  });
  await assert.rejects(
    write(clusterRoles, pods, user("lost")),
    /not currently held:.*; resolution errors: \[clusterrole.*not found\]$/s,
  );
  await write(clusterRoles, pods, user("root", "system:masters"));
  await write(clusterRoles, pods, ann, undefined, [rule("rbac.authorization.k8s.io : clusterroles : escalate")]);
  await write(clusterRoles, { ...pods, metadata: { ...pods.metadata, finalizers: ["x"] } }, ann, pods);
  await assert.rejects(
    write(clusterRoles, { ...pods, rules: [...pods.rules, rule("core : pods : patch")] }, ann, pods),
    /not currently held/,
  );
  const aggregated = { ...named("new"), aggregationRule: { clusterRoleSelectors: [{}] } };
  await assert.rejects(
    write(clusterRoles, aggregated, ann),
    /is forbidden: must have cluster-admin privileges to use the aggregationRule/,
  );
  await write(clusterRoles, aggregated, ann, undefined, [rule("* : * : *"), rule("path : * : *")]);
});

test("nobody grants by a binding what they don't have", async () => {
  const bind = (roleRef: RoleRef, namespace?: string) => ({
    ...named("new", namespace),
    roleRef,
    subjects: [toUser("z")],
  });
  await write(clusterRoleBindings, bind(clusterRole("reader")), ann);
  await write(roleBindings, bind(clusterRole("reader"), "a"), ann);
  await assert.rejects(
    write(roleBindings, bind(role("one-secret"), "a"), ann),
    /rolebindings.* "new" is forbidden: user "ann".*not currently held/s,
  );
  await write(roleBindings, bind(role("one-secret"), "a"), user("bob"));
  await write(roleBindings, bind(clusterRole("admin"), "a"), ann, undefined, [
    rule("rbac.authorization.k8s.io : clusterroles : bind : admin"),
  ]);
  await assert.rejects(write(clusterRoleBindings, bind(clusterRole("nil")), ann), {
    message: 'clusterroles.rbac.authorization.k8s.io "nil" not found',
  });
});
