import assert from "node:assert/strict";
import { test } from "node:test";
import { requestInfo } from "../request-info.ts";
import { type AuditRule, policyEvaluator } from "./policy.ts";
import { parsePolicy } from "./policy-file.ts";

const about = (method: string, target: string) => {
  const [path = "", query = ""] = target.split("?");
  return requestInfo({ method, path, query: new URLSearchParams(query) });
};
const jane = { name: "jane", groups: ["dev", "system:authenticated"] };

const GET_POD = about("GET", "/api/v1/namespaces/a/pods/p");
const SCALE = about("PUT", "/apis/apps/v1/namespaces/a/deployments/d/scale");
const CASES: [string, Omit<AuditRule, "level">, ReturnType<typeof about>, boolean][] = [
  ["no conditions", {}, GET_POD, true],
  ["a user", { users: ["jane"] }, GET_POD, true],
  ["another user", { users: ["joe"] }, GET_POD, false],
  ["a group", { userGroups: ["ops", "dev"] }, GET_POD, true],
  ["no such group", { userGroups: ["ops"] }, GET_POD, false],
  ["a verb", { verbs: ["list", "get"] }, GET_POD, true],
  ["another verb", { verbs: ["list"] }, GET_POD, false],
  ["a namespace", { namespaces: ["a"] }, GET_POD, true],
  ["another namespace", { namespaces: [""] }, GET_POD, false],
  ["a resource", { resources: [{ group: "", resources: ["pods"] }] }, GET_POD, true],
  ["a group of resources", { resources: [{ group: "" }] }, GET_POD, true],
  ["another group", { resources: [{ group: "apps" }] }, GET_POD, false],
  ["any group", { resources: [{ group: "*", resources: ["pods"] }] }, GET_POD, true],
  ["a name", { resources: [{ resources: ["pods"], resourceNames: ["p"] }] }, GET_POD, true],
  ["another name", { resources: [{ resources: ["pods"], resourceNames: ["q"] }] }, GET_POD, false],
  ["the resource is not its subresource", { resources: [{ group: "apps", resources: ["deployments"] }] }, SCALE, false],
  ["a subresource", { resources: [{ group: "apps", resources: ["deployments/scale"] }] }, SCALE, true],
  ["every subresource", { resources: [{ group: "apps", resources: ["deployments/*"] }] }, SCALE, true],
  ["a subresource of all", { resources: [{ group: "apps", resources: ["*/scale"] }] }, SCALE, true],
  ["everything of a group", { resources: [{ group: "apps", resources: ["*"] }] }, SCALE, true],
  ["a path", { nonResourceURLs: ["/healthz*"] }, about("GET", "/healthz/etcd"), true],
  ["another path", { nonResourceURLs: ["/version"] }, about("GET", "/healthz"), false],
  ["a path is no resource", { nonResourceURLs: ["*"] }, GET_POD, false],
  ["a resource is no path", { resources: [{ group: "*" }] }, about("GET", "/healthz"), false],
];

for (const [what, rule, info, matches] of CASES) {
  test(`a rule for ${what} ${matches ? "matches" : "does not match"}`, () => {
    const decide = policyEvaluator({ rules: [{ level: "Metadata", ...rule }] });
    assert.equal(decide(info, jane).level, matches ? "Metadata" : "None");
  });
}

test("the first rule counts, with the stages and fields that it and the policy omit", () => {
  const decide = policyEvaluator({
    omitStages: ["RequestReceived"],
    omitManagedFields: true,
    rules: [
      { level: "None", users: ["nobody"] },
      { level: "Request", omitStages: ["Panic"], omitManagedFields: false },
      { level: "RequestResponse" },
    ],
  });
  const decision = decide(GET_POD, jane);
  assert.deepEqual(
    [decision.level, [...decision.omitStages], decision.omitManagedFields],
    ["Request", ["RequestReceived", "Panic"], false],
  );
  assert.equal(decide(GET_POD, { name: "nobody", groups: [] }).level, "None");
  // A rule for users does not match where nobody was authenticated.
  assert.equal(policyEvaluator({ rules: [{ level: "Metadata", users: ["jane"] }] })(GET_POD).level, "None");
});

const file = (rules: string, more = "") => `apiVersion: audit.k8s.io/v1\nkind: Policy\n${more}rules:\n${rules}\n`;

test("policies are read from YAML, and refused where they make no sense", async () => {
  const policy = await parsePolicy(file("- level: Metadata\n  verbs: [get]", "omitStages: [RequestReceived]\n"));
  assert.equal(policy.rules[0]!.level, "Metadata");
  const bad: [string, RegExp][] = [
    [file("- level: Everything"), /rules\[0\]\.level: Unsupported value: "Everything"/],
    [file("- verbs: [get]"), /rules\[0\]\.level: Required value/],
    [file("- level: None\n  nonResourceURLs: [logs]"), /must begin with a '\/' character/],
    [file("- level: None\n  nonResourceURLs: ['/a*b']"), /must be the final character of the rule/],
    [file("- level: None\n  nonResourceURLs: ['/a']\n  namespaces: [b]"), /rules cannot apply to both/],
    [file("- level: None\n  resources: [{group: a/v1}]"), /resources\.group: Invalid value: "a\/v1"/],
    [file("- level: None\n  resources: [{resourceNames: [x]}]"), /requires at least one resource/],
    [file("- level: None\n  omitStages: [Never]"), /allowed stages are RequestReceived,/],
    ["apiVersion: audit.k8s.io/v1\nkind: Policy\n", /0 rules/],
    ["apiVersion: audit.k8s.io/v2\nkind: Policy\nrules: []\n", /no kind "Policy" is registered/],
    [file("- level: None\n  userz: [x]"), /unknown field "rules\[0\]\.userz"/],
  ];
  for (const [text, expected] of bad) await assert.rejects(parsePolicy(text), expected);
});
