import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../../api/object.ts";
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  resourceSlices,
  volumeAttachments,
} from "../../api/resource-types.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types/core.v1.ts";
import type { ResourceSlice } from "../../api/types/resource.v1.ts";
import type { VolumeAttachment } from "../../api/types/storage.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import { systemRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import type { AuthorizationAttributes } from "../authorization.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import { nodeRules } from "../rbac/bootstrap-policy.ts";
import { unreachableWebhooks } from "../webhook/webhook-client.ts";
import { configuredAuthorizer, specsForModes } from "./configured.ts";
import { nodeAuthorizer } from "./node.ts";
import { accessReviewResources } from "./reviews.ts";
import { alwaysAllow, alwaysDeny, authorizerUnion, type ResolvingAuthorizer } from "./union.ts";

const lookup = memoryLookup();
const pod = (name: string, nodeName: string, spec: object = {}, metadata: object = {}) =>
  ({
    metadata: { name, namespace: "ns", ...metadata },
    spec: { nodeName, serviceAccountName: "sa", ...spec },
  }) as unknown as Pod;
lookup.put(
  pods,
  pod("web", "n1", {
    imagePullSecrets: [{ name: "pull" }],
    initContainers: [{ name: "i", env: [{ name: "A", valueFrom: { secretKeyRef: { name: "env", key: "k" } } }] }],
    containers: [{ name: "c", envFrom: [{ secretRef: { name: "from" } }, { configMapRef: { name: "cfrom" } }] }],
    ephemeralContainers: [{ name: "e", envFrom: [{ secretRef: { name: "debug" } }] }],
    volumes: [
      { name: "s", secret: { secretName: "volume" } },
      { name: "p", projected: { sources: [{ secret: { name: "projected" } }, { configMap: { name: "cprojected" } }] } },
      { name: "d", persistentVolumeClaim: { claimName: "data" } },
      { name: "scratch", ephemeral: {} },
    ],
    resourceClaims: [{ name: "gpu", resourceClaimName: "own-gpu" }],
  }),
  pod("other", "n2", { serviceAccountName: "sb", imagePullSecrets: [{ name: "elsewhere" }] }),
  pod(
    "mirror",
    "n1",
    { imagePullSecrets: [{ name: "stolen" }] },
    { annotations: { "kubernetes.io/config.mirror": "x" } },
  ),
);
lookup.put(persistentVolumeClaims, {
  metadata: { name: "data", namespace: "ns" },
  spec: { volumeName: "pv1" },
} as PersistentVolumeClaim);
const csi = {
  driver: "d",
  volumeHandle: "h",
  nodeStageSecretRef: { name: "stage", namespace: "storage" },
  controllerPublishSecretRef: { name: "ctl", namespace: "storage" },
};
lookup.put(
  persistentVolumes,
  { metadata: { name: "pv1" }, spec: { claimRef: { namespace: "ns", name: "data" }, csi } } as PersistentVolume,
  { metadata: { name: "pv2" }, spec: { claimRef: { namespace: "ns", name: "unused" } } } as PersistentVolume,
);
lookup.put(volumeAttachments, { metadata: { name: "va1" }, spec: { nodeName: "n1" } } as VolumeAttachment);
lookup.put(resourceSlices, { metadata: { name: "rs1" }, spec: { nodeName: "n1" } } as ResourceSlice);

const n1: UserInfo = { name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] };
const node = nodeAuthorizer({ lookup, rules: nodeRules() });
/** `verb resource[/subresource] [name] [field selector]`; all in the namespace ns unless given. */
const allowed: string[] = [
  ...["pull", "env", "from", "debug", "volume", "projected"].map((name) => `get secrets ${name}`),
  "watch secrets pull",
  "get secrets stage @storage",
  "get configmaps cfrom",
  "get configmaps cprojected",
  "get persistentvolumeclaims data",
  "get persistentvolumeclaims web-scratch",
  "patch persistentvolumeclaims/status data",
  "get persistentvolumes pv1 @",
  "get resourceclaims.resource.k8s.io own-gpu",
  "get volumeattachments.storage.k8s.io va1 @",
  "get resourceslices.resource.k8s.io rs1 @",
  "list resourceslices.resource.k8s.io ?spec.nodeName=n1 @",
  "create serviceaccounts/token sa",
  "get serviceaccounts sa",
  "create leases.coordination.k8s.io @kube-node-lease",
  "update leases.coordination.k8s.io n1 @kube-node-lease",
  "create csinodes.storage.k8s.io @",
  "get csinodes.storage.k8s.io n1 @",
  "create nodes @",
  "get nodes n1 @",
  "patch nodes/status n1 @",
  "get pods web",
  "list pods ?spec.nodeName=n1 @",
  "list pods ?status.phase=Running,spec.nodeName=n1 @",
  "watch pods web",
  "create pods",
  "patch pods/status web",
  "create pods/eviction web",
  "list services @",
  "create events.events.k8s.io",
  "create subjectaccessreviews.authorization.k8s.io @",
];
const related = "no relationship found between node 'n1' and this object";
const refused: Record<string, string | undefined> = {
  "get secrets elsewhere": related,
  "get secrets stolen": related,
  "get secrets ctl @storage": related,
  "get secrets pull @other": related,
  "list secrets": "No Object name found",
  "update secrets pull": "can only read resources of this type",
  "list secrets @": "can only read namespaced object of this type",
  "get persistentvolumes pv2 @": related,
  "get persistentvolumes none @": related,
  "list persistentvolumeclaims": "can only get individual resources of this type",
  "delete persistentvolumeclaims/status data": "can only get/update/patch this type",
  "create serviceaccounts/token sb": related,
  "create serviceaccounts sa": "can only create token subresource of serviceaccount",
  "update leases.coordination.k8s.io n2 @kube-node-lease":
    "can only access node lease with the same name as the requesting node",
  "get leases.coordination.k8s.io n1 @default": 'can only access leases in the "kube-node-lease" system namespace',
  "get csinodes.storage.k8s.io n2 @": "can only access CSINode with the same name as the requesting node",
  "list resourceslices.resource.k8s.io @":
    "can only list/watch/deletecollection resourceslices with nodeName field selector",
  "get nodes n2 @": "node 'n1' cannot read 'n2', only its own Node object",
  "list nodes @": "node 'n1' cannot read all nodes, only its own Node object",
  "delete nodes n1 @": undefined,
  "get pods other": related,
  "list pods @": "can only list/watch pods with spec.nodeName field selector",
  "list pods ?spec.nodeName!=n1 @": "can only list/watch pods with spec.nodeName field selector",
  "update pods web": undefined,
  "list deployments.apps": undefined,
};
function read(text: string): Omit<AuthorizationAttributes, "user"> {
  const [verb = "", target = "", ...rest] = text.split(" ");
  const [full = "", subresource] = target.split("/");
  const dot = full.indexOf(".");
  const where = rest.find((part) => part.startsWith("@"));
  const selector = rest.find((part) => part.startsWith("?"));
  const name = rest.find((part) => !/^[@?]/.test(part));
  return {
    verb,
    resource: dot < 0 ? full : full.slice(0, dot),
    group: dot < 0 ? "" : full.slice(dot + 1),
    namespace: where ? where.slice(1) : "ns",
    ...(subresource ? { subresource } : {}),
    ...(selector ? { fieldSelector: selector.slice(1) } : {}),
    ...(name ? { name } : {}),
  };
}
for (const text of allowed) {
  test(`a kubelet may ${text}`, async () => {
    assert.deepEqual(await node.authorize({ user: n1, ...read(text) }), { decision: "allow" });
  });
}
for (const [text, reason] of Object.entries(refused)) {
  test(`a kubelet may not ${text}`, async () => {
    const expected = reason ? { decision: "no-opinion", reason } : { decision: "no-opinion" };
    assert.deepEqual(await node.authorize({ user: n1, ...read(text) }), expected);
  });
}
test("only kubelets are judged", async () => {
  const pull = read("get secrets pull");
  assert.deepEqual(await node.authorize({ user: { name: "jane", groups: [] }, ...pull }), { decision: "no-opinion" });
  assert.deepEqual(await node.authorize({ user: { ...n1, groups: [] }, ...pull }), { decision: "no-opinion" });
  const nameless = await node.authorize({ user: { ...n1, name: "system:node:" }, ...pull });
  assert.equal(nameless.reason, 'unknown node for user "system:node:"');
});

const jane: UserInfo = { name: "jane", groups: [] };
const root: UserInfo = { name: "root", groups: ["system:masters"] };
const refusing = (reason: string, wait = false): ResolvingAuthorizer => ({
  authorize: () => (wait ? Promise.resolve({ decision: "no-opinion", reason }) : { decision: "no-opinion", reason }),
  rulesFor: () => ({ rules: [], incomplete: true, errors: [reason] }),
});

test("the modes are asked in turn, the superuser first", async () => {
  const get = { verb: "get", path: "/x" };
  const modes = (...names: string[]) =>
    configuredAuthorizer(
      specsForModes(names, undefined, undefined),
      { Node: refusing("node", true), RBAC: refusing("rbac") },
      { webhooks: unreachableWebhooks, clock: virtualClock(), random: systemRandom() },
    );
  assert.deepEqual(modes("AlwaysDeny").authorize({ user: root, ...get }), { decision: "allow" });
  assert.deepEqual(await modes("Node", "RBAC").authorize({ user: jane, ...get }), {
    decision: "no-opinion",
    reason: "node\nrbac",
  });
  assert.equal((await modes("Node", "AlwaysAllow").authorize({ user: jane, ...get })).decision, "allow");
  assert.equal(
    (await modes("RBAC", "AlwaysDeny").authorize({ user: jane, ...get })).reason,
    "rbac\nEverything is forbidden.",
  );
  assert.throws(() => modes("Node", "Node"), /given twice/);
  assert.throws(() => modes("Webhook"), /Webhook's authorization config file not passed/);
  assert.throws(() => modes("ABAC"), /ABAC's authorization policy file not passed/);
  assert.throws(() => modes("toString"), /"toString" is not a valid mode/);
  assert.throws(() => modes(), /at least one/);
  assert.deepEqual(modes("Node", "AlwaysAllow").rulesFor(jane, "a").errors, ["node"]);
});

const asked: AuthorizationAttributes[] = [];
const recording: ResolvingAuthorizer = {
  authorize: (attributes) => {
    asked.push(attributes);
    return alwaysAllow.authorize(attributes);
  },
  rulesFor: alwaysAllow.rulesFor,
};
async function review(kind: string, object: object, authorizer = authorizerUnion([recording]), namespace?: string) {
  asked.length = 0;
  const resource = accessReviewResources(authorizer, authorizer).find(({ type }) => type.kind === kind)!;
  const answer = await resource.create(object as UnknownObject, {
    user: jane,
    warn() {},
    ...(namespace ? { namespace } : {}),
  });
  return answer.status;
}
const resourceAttributes = { verb: "get", resource: "pods", namespace: "a" };

test("an access review asks as that user", async () => {
  const spec = { user: "bob", groups: ["g"], uid: "u", extra: { k: ["v"] }, resourceAttributes };
  assert.deepEqual(await review("SubjectAccessReview", { spec }), { allowed: true });
  assert.deepEqual(asked[0], {
    user: { name: "bob", groups: ["g"], uid: "u", extra: { k: ["v"] } },
    ...{ verb: "get", group: "", version: "*", resource: "pods", subresource: "", namespace: "a", name: "" },
  });
  await review("SelfSubjectAccessReview", { spec: { nonResourceAttributes: { verb: "get", path: "/x" } } });
  assert.deepEqual(asked[0], { user: jane, verb: "get", path: "/x" });
  const denied = await review("SelfSubjectAccessReview", { spec: { resourceAttributes } }, alwaysDeny);
  assert.deepEqual(denied, { allowed: false, reason: "Everything is forbidden." });
});

test("selectors of a review are handed on, or left out with a note", async () => {
  const withSelectors = (fieldSelector: object, labelSelector: object) => ({
    spec: { resourceAttributes: { ...resourceAttributes, fieldSelector, labelSelector } },
  });
  const requirements = [{ key: "spec.nodeName", operator: "In", values: ["n1"] }];
  await review(
    "SelfSubjectAccessReview",
    withSelectors({ requirements }, { requirements: [{ key: "a", operator: "Exists" }] }),
  );
  assert.deepEqual([asked[0]?.fieldSelector, asked[0]?.labelSelector], ["spec.nodeName=n1", "a"]);
  const status = await review("SelfSubjectAccessReview", withSelectors({ rawSelector: "a" }, { rawSelector: "b=c" }));
  assert.deepEqual(status, {
    allowed: true,
    evaluationError: "spec.resourceAttributes.fieldSelector ignored due to parse error",
  });
  assert.deepEqual([asked[0]?.fieldSelector, asked[0]?.labelSelector], [undefined, "b=c"]);
});

for (const [kind, object, message] of [
  [
    "SubjectAccessReview",
    { spec: { resourceAttributes } },
    /spec.user: Invalid value: "": at least one of user or group must be specified/,
  ],
  [
    "SelfSubjectAccessReview",
    { spec: {} },
    /exactly one of nonResourceAttributes or resourceAttributes must be specified/,
  ],
  [
    "SelfSubjectAccessReview",
    { spec: { resourceAttributes, nonResourceAttributes: {} } },
    /cannot be specified in combination/,
  ],
  [
    "SelfSubjectAccessReview",
    { metadata: { name: "x" }, spec: { resourceAttributes } },
    /metadata: Invalid value: .*must be empty$/,
  ],
  [
    "LocalSubjectAccessReview",
    { metadata: { namespace: "b" }, spec: { user: "u", resourceAttributes } },
    /must match metadata.namespace/,
  ],
  [
    "LocalSubjectAccessReview",
    { metadata: { namespace: "a" }, spec: { user: "u", resourceAttributes } },
    /must match namespace: x/,
  ],
  [
    "LocalSubjectAccessReview",
    { metadata: { namespace: "a" }, spec: { user: "u", nonResourceAttributes: {} } },
    /disallowed on this kind/,
  ],
  [
    "SelfSubjectAccessReview",
    { spec: { resourceAttributes: { ...resourceAttributes, fieldSelector: {} } } },
    /requirements or rawSelector is required/,
  ],
  ["SelfSubjectRulesReview", { spec: {} }, /no namespace on request/],
] as [string, object, RegExp][]) {
  test(`a ${kind} that says ${message.source} is refused`, async () => {
    await assert.rejects(review(kind, object, alwaysAllow, "x"), message);
  });
}

test("a rules review lists what I may do", async () => {
  assert.deepEqual(
    await review(
      "SelfSubjectRulesReview",
      { spec: { namespace: "a" } },
      authorizerUnion([alwaysAllow, refusing("node")]),
    ),
    {
      resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
      nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
      incomplete: true,
      evaluationError: "node",
    },
  );
});
