import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, ResourceType } from "../../api/object.ts";
import {
  certificateSigningRequests,
  configMaps,
  csiDrivers,
  csiNodes,
  leases,
  nodes,
  persistentVolumeClaims,
  pods,
  resourceSlices,
  serviceAccounts,
} from "../../api/resource-types.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { newCertificateRequest, newKeyPair } from "../../base/x509.ts";
import { alwaysDeny } from "../authorization/union.ts";
import type { Authorizer } from "../authorization.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import { run, type WriteOptions } from "./attributes.fixture.ts";
import { nodeRestriction } from "./node-restriction.ts";

const kubelet = { name: "system:node:n1", groups: ["system:nodes"] };
function cluster(authorizer: Authorizer = alwaysDeny) {
  const lookup = memoryLookup();
  const sources = [{ serviceAccountToken: { path: "t" } }, { serviceAccountToken: { path: "v", audience: "vault" } }];
  const volumes = [
    { name: "t", projected: { sources } },
    { name: "c", csi: { driver: "csi.example.com" } },
  ];
  lookup.put(
    pods,
    {
      metadata: { name: "mine", namespace: "ns", uid: "u" },
      spec: { nodeName: "n1", serviceAccountName: "sa", volumes },
    } as unknown as Pod,
    { metadata: { name: "other", namespace: "ns", uid: "o" }, spec: { nodeName: "n2" } } as unknown as Pod,
  );
  lookup.put(nodes, { metadata: { name: "n1", uid: "node-uid" } });
  lookup.put(csiDrivers, { metadata: { name: "csi.example.com" }, spec: { tokenRequests: [{ audience: "storage" }] } });
  return nodeRestriction({ lookup, authorizer });
}

const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid: "node-uid", controller: true };
const mirror = (spec: object = {}, metadata: object = {}) => ({
  metadata: {
    name: "m",
    namespace: "ns",
    annotations: { "kubernetes.io/config.mirror": "h" },
    ownerReferences: [owner],
    ...metadata,
  },
  spec: { nodeName: "n1", containers: [], ...spec },
});
const node = (metadata: object = {}, spec: object = {}) => ({ metadata: { name: "n1", ...metadata }, spec });
const podWith = (nodeName: string, metadata: object = {}, status: object = {}) => ({
  metadata: { name: "p", namespace: "ns", ...metadata },
  spec: { nodeName },
  status,
});
const tokenFor = (name: string, uid: string, audiences: string[] = []) => ({
  operation: "CREATE" as const,
  subresource: "token",
  name: "sa",
  object: {
    metadata: { namespace: "ns" },
    spec: { audiences, boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid } },
  },
});
const named = (name: string, namespace?: string, spec: object = {}) => ({
  metadata: { name, ...(namespace ? { namespace } : {}) },
  spec,
});
const csr = (commonName: string, signerName = "kubernetes.io/kube-apiserver-client-kubelet") => {
  const pem = newCertificateRequest({
    commonName,
    organizations: ["system:nodes"],
    privateKey: newKeyPair().privateKey,
  });
  return { object: { metadata: { name: "c" }, spec: { signerName, request: Buffer.from(pem).toString("base64") } } };
};

for (const [title, type, options, problem] of [
  ["a mirror pod", pods, { object: mirror() }, undefined],
  [
    "another pod",
    pods,
    { object: mirror({}, { annotations: {} }) },
    'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
  ],
  [
    "a mirror pod elsewhere",
    pods,
    { object: mirror({ nodeName: "n2" }) },
    'node "n1" can only create pods with spec.nodeName set to itself',
  ],
  [
    "a mirror pod without owner",
    pods,
    { object: mirror({}, { ownerReferences: [] }) },
    'node "n1" can only create pods with an owner reference set to itself',
  ],
  [
    "a mirror pod of another life",
    pods,
    { object: mirror({}, { ownerReferences: [{ ...owner, uid: "x" }] }) },
    "node n1 UID mismatch: expected x got node-uid",
  ],
  [
    "a mirror pod with a secret",
    pods,
    { object: mirror({ imagePullSecrets: [{ name: "s" }] }) },
    'node "n1" can not create pods that reference secrets',
  ],
  [
    "a mirror pod with a claim",
    pods,
    { object: mirror({ volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] }) },
    'node "n1" can not create pods that reference persistentvolumeclaims',
  ],
  [
    "an update of a pod",
    pods,
    { object: mirror(), old: mirror() },
    'unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
  ],
  ["the deletion of its pod", pods, { old: podWith("n1"), operation: "DELETE", name: "mine" }, undefined],
  [
    "the deletion of another's pod",
    pods,
    { old: podWith("n2"), operation: "DELETE", name: "other" },
    'node "n1" can only delete pods with spec.nodeName set to itself',
  ],
  [
    "the status of its pod",
    pods,
    { object: podWith("n1", {}, { phase: "Running" }), old: podWith("n1"), subresource: "status" },
    undefined,
  ],
  [
    "the status of another's pod",
    pods,
    { object: podWith("n2"), old: podWith("n2"), subresource: "status" },
    'node "n1" can only update pod status for pods with spec.nodeName set to itself',
  ],
  [
    "labels through status",
    pods,
    { object: podWith("n1", { labels: { a: "b" } }), old: podWith("n1"), subresource: "status" },
    'node "n1" cannot update labels through pod status',
  ],
  ["the eviction of its pod", pods, { object: named("mine", "ns"), subresource: "eviction" }, undefined],
  [
    "the eviction of another's pod",
    pods,
    { object: named("other", "ns"), subresource: "eviction" },
    "node n1 can only evict pods with spec.nodeName set to itself",
  ],
  [
    "a binding",
    pods,
    { object: named("mine", "ns"), subresource: "binding" },
    "unexpected pod subresource \"binding\", only 'status' and 'eviction' are allowed",
  ],
  [
    "its node",
    nodes,
    {
      object: node(
        { labels: { "kubernetes.io/hostname": "n1", "node.kubernetes.io/x": "", mine: "1" } },
        { taints: [{ key: "a", effect: "NoSchedule" }] },
      ),
    },
    undefined,
  ],
  ["another node", nodes, { object: named("n2") }, 'node "n1" is not allowed to modify node "n2"'],
  [
    "a restricted label",
    nodes,
    { object: node({ labels: { "a.node-restriction.kubernetes.io/x": "1", "kubernetes.io/role": "m" } }) },
    'node "n1" is not allowed to set the following labels: a.node-restriction.kubernetes.io/x, kubernetes.io/role',
  ],
  [
    "a restricted label later",
    nodes,
    { object: node({ labels: { "node-role.kubernetes.io/x": "" } }), old: node(), subresource: "status" },
    "is not allowed to modify labels: node-role.kubernetes.io/x",
  ],
  [
    "its taints",
    nodes,
    { object: node({}, { taints: [] }), old: node({}, { taints: [{ key: "a", effect: "NoSchedule" }] }) },
    'node "n1" is not allowed to modify taints',
  ],
  [
    "its status",
    nodes,
    { object: { ...node(), status: { phase: "x" } }, old: node(), subresource: "status" },
    undefined,
  ],
  [
    "its owners",
    nodes,
    { object: node({ ownerReferences: [owner] }), old: node() },
    'node "n1" is not allowed to modify ownerReferences',
  ],
  ["a token for its pod", serviceAccounts, tokenFor("mine", "u"), undefined],
  ["a token for an audience of its pod", serviceAccounts, tokenFor("mine", "u", ["vault"]), undefined],
  ["a token for an audience of a driver", serviceAccounts, tokenFor("mine", "u", ["storage"]), undefined],
  [
    "a token for another audience",
    serviceAccounts,
    tokenFor("mine", "u", ["x"]),
    'audience "x" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
  ],
  [
    "a token for an older pod",
    serviceAccounts,
    tokenFor("mine", "old"),
    "the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated",
  ],
  [
    "a token for another's pod",
    serviceAccounts,
    tokenFor("other", "o"),
    "node requested token bound to a pod scheduled on a different node",
  ],
  [
    "a token for no pod",
    serviceAccounts,
    { ...tokenFor("mine", "u"), object: { metadata: { namespace: "ns" }, spec: {} } },
    "node requested token not bound to a pod",
  ],
  ["its lease", leases, { object: named("n1", "kube-node-lease") }, undefined],
  [
    "another's lease",
    leases,
    { object: named("n2", "kube-node-lease") },
    "can only access node lease with the same name as the requesting node",
  ],
  [
    "a lease elsewhere",
    leases,
    { object: named("n1", "ns") },
    'can only access leases in the "kube-node-lease" system namespace',
  ],
  [
    "another's CSINode",
    csiNodes,
    { object: named("n2") },
    "can only access CSINode with the same name as the requesting node",
  ],
  ["its slice", resourceSlices, { object: named("s", undefined, { nodeName: "n1" }) }, undefined],
  [
    "another's slice",
    resourceSlices,
    { old: named("s", undefined, { nodeName: "n2" }), operation: "DELETE" },
    "can only delete ResourceSlice with the same NodeName as the requesting node",
  ],
  ["its certificate", certificateSigningRequests, csr("system:node:n1"), undefined],
  [
    "another's certificate",
    certificateSigningRequests,
    csr("system:node:n2"),
    "can only create a node CSR with CN=system:node:n1",
  ],
  ["a user's certificate", certificateSigningRequests, csr("jane", "example.com/x"), undefined],
  [
    "the size of a claim",
    persistentVolumeClaims,
    {
      object: { ...named("d", "ns"), status: { capacity: { storage: "2Gi" } } },
      old: named("d", "ns"),
      subresource: "status",
    },
    undefined,
  ],
  [
    "more of a claim",
    persistentVolumeClaims,
    { object: { ...named("d", "ns"), status: { phase: "Bound" } }, old: named("d", "ns"), subresource: "status" },
    'node "n1" is not allowed to update fields other than status.quantity and status.conditions',
  ],
  ["a claim itself", persistentVolumeClaims, { object: named("d", "ns") }, "may only update PVC status"],
  ["what others judge", configMaps, { object: named("c", "ns") }, undefined],
] as [string, ResourceType<KubeObject>, WriteOptions, string | undefined][]) {
  test(`a kubelet writes ${title}: ${problem ?? "allowed"}`, async () => {
    const attempt = run(cluster(), type, { user: kubelet, ...options });
    if (!problem) {
      await attempt;
      return;
    }
    await assert.rejects(attempt, (error: Error) => {
      assert.equal(error.message.replace(/^.*? is forbidden: /s, ""), problem);
      return true;
    });
  });
}

test("only kubelets are restricted, and only those that say who they are", async () => {
  const { handled } = await run(cluster(), nodes, {
    object: named("n2"),
    user: { name: "jane", groups: ["system:nodes"] },
  });
  assert.equal(handled, false);
  const nameless = { ...kubelet, name: "system:node:" };
  await assert.rejects(
    run(cluster(), configMaps, { object: named("c", "ns"), user: nameless }),
    /could not determine node from user "system:node:"/,
  );
});

test("an audience may be granted by the authorizer", async () => {
  const plugin = cluster({
    authorize: ({ verb, resource, name }) =>
      verb === "request-serviceaccounts-token-audience" && resource === "x" && name === "sa"
        ? { decision: "allow" }
        : { decision: "no-opinion" },
  });
  await run(plugin, serviceAccounts, { user: kubelet, ...tokenFor("mine", "u", ["x"]) });
});
