import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, ResourceType, UnknownObject } from "../../api/object.ts";
import {
  certificateSigningRequests,
  configMaps,
  ingressClasses,
  ingresses,
  limitRanges,
  localSubjectAccessReviews,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  priorityClasses,
  runtimeClasses,
  serviceAccounts,
  storageClasses,
} from "../../api/resource-types.ts";
import { StatusError } from "../../api/status-error.ts";
import type { LimitRange, Node, Pod } from "../../api/types/core.v1.ts";
import type { RuntimeClass } from "../../api/types/node.v1.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { seededRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { newCertificateRequest, newKeyPair } from "../../base/x509.ts";
import { alwaysAllow, alwaysDeny } from "../authorization/union.ts";
import { type MemoryLookup, memoryLookup } from "../lookup.fixture.ts";
import { admit } from "../registry/admission-chain.ts";
import { dynamicCatalogue } from "../resource-catalogue.ts";
import { unreachableWebhooks } from "../webhook/webhook-client.ts";
import { run, type WriteOptions, write } from "./attributes.fixture.ts";
import { admissionPlugins, missingPlugins, type PluginServices } from "./plugins.ts";

/** A cluster with the one plugin `name`. */
function cluster(name: string, services: Partial<PluginServices> = {}) {
  const lookup = memoryLookup();
  const clock = virtualClock();
  const all = admissionPlugins(
    {
      lookup,
      clock,
      authorizer: alwaysDeny,
      random: seededRandom(1),
      quotas: () => assert.fail("no quota is written"),
      catalogue: dynamicCatalogue([]),
      webhooks: unreachableWebhooks,
      client: () => assert.fail(),
      metrics: metricsRegistry(),
      ...services,
    },
    { enable: ["NodeRestriction"] },
  );
  const plugin = all.find((one) => one.name === name);
  assert.ok(plugin, name);
  return {
    lookup,
    clock,
    plugin,
    run: (type: ResourceType<KubeObject>, options: WriteOptions) => run(plugin, type, options),
  };
}
const named = (name: string, more: object = {}) => ({ metadata: { name, ...more } });
const pod = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: "web", namespace: "ns", ...metadata },
  spec: { containers: [{ name: "c" }], ...spec },
});

test("plugins are chosen by upstream's names and run in its order", () => {
  const services = {
    lookup: memoryLookup(),
    clock: virtualClock(),
    authorizer: alwaysDeny,
    random: seededRandom(1),
    quotas: () => assert.fail(),
    catalogue: dynamicCatalogue([]),
    webhooks: unreachableWebhooks,
    client: () => assert.fail(),
    metrics: metricsRegistry(),
  };
  const names = (enable: string[], disable: string[]) =>
    admissionPlugins(services, { enable, disable }).map(({ name }) => name);
  const usual = names([], []);
  assert.equal(usual[0], "NamespaceLifecycle");
  assert.equal(usual.at(-1), "ResourceQuota");
  assert.ok(!usual.includes("NodeRestriction"));
  assert.equal(names(["NodeRestriction"], ["Priority"]).indexOf("NodeRestriction"), 3);
  assert.ok(!names([], ["Priority", "MutatingAdmissionWebhook"]).includes("Priority"));
  assert.throws(() => names(["Nope"], []), /enable-admission-plugins plugin "Nope" is unknown/);
  assert.throws(() => names([], ["Nope"]), /disable-admission-plugins plugin "Nope" is unknown/);
  assert.throws(() => names(["EventRateLimit"], []), /EventRateLimit needs a configuration/);
  assert.throws(() => names(["ImagePolicyWebhook"], []), /"ImagePolicyWebhook" is not supported/);
  assert.throws(
    () => names(["Priority"], ["Priority"]),
    /\[Priority\] in enable-admission-plugins and disable-admission-plugins overlapped/,
  );
  assert.deepEqual(missingPlugins, ["PodGroupProtection", "JobValidation"]);
});

for (const [title, type, options, error] of [
  ["a creation in a namespace", configMaps, { object: named("a", { namespace: "here" }) }, undefined],
  [
    "a creation in no namespace",
    configMaps,
    { object: named("a", { namespace: "none" }) },
    'namespaces "none" not found',
  ],
  [
    "a creation in an ending namespace",
    configMaps,
    { object: named("a", { namespace: "ending" }) },
    'configmaps "a" is forbidden: unable to create new content in namespace ending because it is being terminated',
  ],
  [
    "an update in an ending namespace",
    configMaps,
    { object: named("a", { namespace: "ending" }), old: named("a", { namespace: "ending" }) },
    undefined,
  ],
  [
    "a deletion in an ending namespace",
    configMaps,
    { old: named("a", { namespace: "ending" }), operation: "DELETE" },
    undefined,
  ],
  ["a review in no namespace", localSubjectAccessReviews, { object: named("a", { namespace: "none" }) }, undefined],
  [
    "a deletion of default",
    namespaces,
    { old: named("default"), operation: "DELETE" },
    'namespaces "default" is forbidden: this namespace may not be deleted',
  ],
  ["a deletion of another", namespaces, { old: named("here"), operation: "DELETE" }, undefined],
  ["a new namespace", namespaces, { object: named("new") }, undefined],
  ["a cluster-scoped object", nodes, { object: named("n") }, undefined],
] as [string, ResourceType<KubeObject>, WriteOptions, string | undefined][]) {
  test(`NamespaceLifecycle: ${title}`, async () => {
    const c = cluster("NamespaceLifecycle");
    c.lookup.put(namespaces, named("here"), { ...named("ending"), status: { phase: "Terminating" } });
    const attempt = c.run(type, options);
    if (error) await assert.rejects(attempt, { message: error });
    else await attempt;
  });
}

test("NamespaceLifecycle tells the cause in a form that controllers look for", async () => {
  const c = cluster("NamespaceLifecycle");
  c.lookup.put(namespaces, { ...named("ending"), status: { phase: "Terminating" } });
  const { attributes } = write(configMaps, { object: named("a", { namespace: "ending" }) });
  const error = await admit([c.plugin], attributes).catch((reason: unknown) => reason);
  assert.ok(error instanceof StatusError);
  const cause = {
    reason: "NamespaceTerminating",
    message: "namespace ending is being terminated",
    field: "metadata.namespace",
  };
  assert.deepEqual(error.status.details?.causes, [cause]);
});

const limits = (type: string, item: object): LimitRange =>
  ({ metadata: { name: "l", namespace: "ns" }, spec: { limits: [{ type, ...item }] } }) as LimitRange;
const sized = (requests: object, limit: object = {}) =>
  pod({ containers: [{ name: "c", resources: { requests, limits: limit } }] });
test("LimitRanger sets what is missing, and says so", async () => {
  const c = cluster("LimitRanger");
  c.lookup.put(
    limitRanges,
    limits("Container", { default: { cpu: "1", memory: "1Gi" }, defaultRequest: { cpu: "100m", memory: "64Mi" } }),
  );
  const given = pod({
    containers: [{ name: "c", resources: { requests: { cpu: "50m" } } }],
    initContainers: [{ name: "i" }],
  });
  const { object } = await c.run(pods, { object: given });
  const { spec, metadata } = object as Pod;
  assert.deepEqual(spec?.containers[0]?.resources, {
    requests: { cpu: "50m", memory: "64Mi" },
    limits: { cpu: "1", memory: "1Gi" },
  });
  assert.equal(
    metadata?.annotations?.["kubernetes.io/limit-ranger"],
    "LimitRanger plugin set: memory request for container c; cpu, memory limit for container c; cpu, memory request for init container i; cpu, memory limit for init container i",
  );
  assert.equal((await c.run(pods, { object: given, old: given })).handled, false);
});
for (const [range, object, problem] of [
  [
    limits("Container", { min: { cpu: "100m" } }),
    sized({ cpu: "50m" }),
    "minimum cpu usage per Container is 100m, but request is 50m",
  ],
  [
    limits("Container", { min: { cpu: "100m" } }),
    sized({}),
    "minimum cpu usage per Container is 100m.  No request is specified",
  ],
  [
    limits("Container", { max: { cpu: "1" } }),
    sized({ cpu: "1" }),
    "maximum cpu usage per Container is 1.  No limit is specified",
  ],
  [
    limits("Container", { max: { cpu: "1", memory: "1Gi" } }),
    sized({}, { cpu: "1500m", memory: "2Gi" }),
    "[maximum cpu usage per Container is 1, but limit is 1500m, maximum memory usage per Container is 1Gi, but limit is 2Gi]",
  ],
  [limits("Container", { max: { cpu: "1" } }), sized({ cpu: "500m" }, { cpu: "1000m" }), undefined],
  [
    limits("Container", { maxLimitRequestRatio: { cpu: "2" } }),
    sized({ cpu: "1" }, { cpu: "3" }),
    "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
  ],
  [
    limits("Pod", { max: { cpu: "1" } }),
    pod({
      containers: [
        { name: "a", resources: { limits: { cpu: "600m" } } },
        { name: "b", resources: { limits: { cpu: "600m" } } },
      ],
    }),
    "maximum cpu usage per Pod is 1, but limit is 1200m",
  ],
  [limits("Pod", { max: { cpu: "1" } }), pod({ resources: { limits: { cpu: "900m" } } }), undefined],
] as [LimitRange, object, string | undefined][]) {
  test(`LimitRanger: ${problem ?? "within its bounds"}`, async () => {
    const c = cluster("LimitRanger");
    c.lookup.put(limitRanges, range);
    const attempt = c.run(pods, { object });
    if (problem) await assert.rejects(attempt, { message: `pods "web" is forbidden: ${problem}` });
    else await attempt;
  });
}
test("LimitRanger bounds claims", async () => {
  const c = cluster("LimitRanger");
  c.lookup.put(limitRanges, limits("PersistentVolumeClaim", { min: { storage: "1Gi" }, max: { storage: "5Gi" } }));
  const claim = (storage: string) => ({
    ...named("d", { namespace: "ns" }),
    spec: { resources: { requests: { storage } } },
  });
  await c.run(persistentVolumeClaims, { object: claim("2Gi") });
  await assert.rejects(
    c.run(persistentVolumeClaims, { object: claim("6Gi") }),
    /maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi/,
  );
  await assert.rejects(
    c.run(persistentVolumeClaims, { object: claim("1Mi") }),
    /minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi/,
  );
});

const account = (lookup: MemoryLookup, name: string, more: object = {}) =>
  lookup.put(serviceAccounts, { ...named(name, { namespace: "ns" }), ...more });
test("ServiceAccount gives a pod its account, token and pull secrets", async () => {
  const c = cluster("ServiceAccount");
  account(c.lookup, "default", { imagePullSecrets: [{ name: "pull" }] });
  const own = {
    name: "own",
    volumeMounts: [{ name: "v", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }],
  };
  const { object } = await c.run(pods, {
    object: pod({ containers: [{ name: "c" }, own], initContainers: [{ name: "i" }] }),
  });
  const { spec } = object as Pod;
  assert.equal(spec?.serviceAccountName, "default");
  assert.deepEqual(spec?.imagePullSecrets, [{ name: "pull" }]);
  const [volume] = spec?.volumes ?? [];
  assert.match(volume?.name ?? "", /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.deepEqual(volume?.projected, {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  });
  const mount = { mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", name: volume?.name, readOnly: true };
  assert.deepEqual(
    [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ volumeMounts }) => volumeMounts),
    [[mount], [mount], own.volumeMounts],
  );
});
for (const [ofPod, ofAccount, mounted] of [
  [undefined, undefined, true],
  [undefined, false, false],
  [true, false, true],
  [false, true, false],
]) {
  test(`ServiceAccount: automount ${ofPod} of the pod and ${ofAccount} of the account`, async () => {
    const c = cluster("ServiceAccount");
    account(c.lookup, "web", { automountServiceAccountToken: ofAccount });
    const { object } = await c.run(pods, {
      object: pod({ serviceAccountName: "web", automountServiceAccountToken: ofPod }),
    });
    assert.equal((object as Pod).spec?.volumes?.length ?? 0, mounted ? 1 : 0);
  });
}
const mirror = { annotations: { "kubernetes.io/config.mirror": "x" } };
for (const [title, object, problem] of [
  [
    "an unknown account",
    pod({ serviceAccountName: "none" }),
    'error looking up service account ns/none: serviceaccount "none" not found',
  ],
  [
    "a mirror pod with an account",
    pod({ serviceAccountName: "web" }, mirror),
    "a mirror pod may not reference service accounts",
  ],
  [
    "a mirror pod with a secret",
    pod({ volumes: [{ name: "s", secret: { secretName: "s" } }] }, mirror),
    "a mirror pod may not reference secrets",
  ],
  [
    "a mirror pod with a token",
    pod({ volumes: [{ name: "s", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }] }, mirror),
    "a mirror pod may not use ServiceAccountToken volume projections",
  ],
  [
    "a secret not listed",
    pod({ serviceAccountName: "strict", volumes: [{ name: "s", secret: { secretName: "s" } }] }),
    'volume with secret.secretName="s" is not allowed because service account strict does not reference that secret',
  ],
  [
    "a variable from a secret not listed",
    pod({
      serviceAccountName: "strict",
      containers: [{ name: "c", env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }] }],
    }),
    'container c with envVar A referencing secret.secretName="s" is not allowed because service account strict does not reference that secret',
  ],
  [
    "a pull secret not listed",
    pod({ serviceAccountName: "strict", imagePullSecrets: [{ name: "p" }] }),
    'imagePullSecrets[0].name="p" is not allowed because service account strict does not reference that imagePullSecret',
  ],
  [
    "a secret that is listed",
    pod({ serviceAccountName: "strict", volumes: [{ name: "s", secret: { secretName: "ok" } }] }),
    undefined,
  ],
  ["a plain mirror pod", pod({}, mirror), undefined],
] as [string, object, string | undefined][]) {
  test(`ServiceAccount: ${title}`, async () => {
    const c = cluster("ServiceAccount");
    account(c.lookup, "web");
    c.lookup.put(serviceAccounts, {
      ...named("strict", { namespace: "ns", annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } }),
      secrets: [{ name: "ok" }],
    });
    const attempt = c.run(pods, { object });
    if (problem) await assert.rejects(attempt, { message: `pods "web" is forbidden: ${problem}` });
    else await attempt;
  });
}
test("ServiceAccount waits for the default account of a new namespace, but not for ever", async () => {
  const c = cluster("ServiceAccount");
  const waiting = c.run(pods, { object: pod() });
  await c.clock.advance(0);
  account(c.lookup, "default");
  await c.clock.advance(200);
  assert.equal(((await waiting).object as Pod).spec?.serviceAccountName, "default");

  const empty = cluster("ServiceAccount");
  const refused = assert.rejects(empty.run(pods, { object: pod() }), /serviceaccount "default" not found/);
  await empty.clock.advance(10 * 200);
  await refused;
});

test("TaintNodesByCondition taints a new node once", async () => {
  const c = cluster("TaintNodesByCondition");
  const taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };
  for (const object of [named("n"), { ...named("n"), spec: { taints: [taint] } }]) {
    assert.deepEqual(((await c.run(nodes, { object })).object as Node).spec?.taints, [taint]);
  }
  assert.equal((await c.run(nodes, { object: named("n"), old: named("n") })).handled, false);
});

test("DefaultTolerationSeconds adds what is not tolerated yet", async () => {
  const c = cluster("DefaultTolerationSeconds", { tolerations: { notReadySeconds: 5 } });
  const tolerations = async (given: object[]) =>
    ((await c.run(pods, { object: pod({ tolerations: given }) })).object as Pod).spec?.tolerations?.map(
      ({ key, tolerationSeconds }) => `${key} ${tolerationSeconds}`,
    );
  assert.deepEqual(await tolerations([]), ["node.kubernetes.io/not-ready 5", "node.kubernetes.io/unreachable 300"]);
  assert.deepEqual(
    await tolerations([{ key: "node.kubernetes.io/not-ready", effect: "NoExecute", tolerationSeconds: 1 }]),
    ["node.kubernetes.io/not-ready 1", "node.kubernetes.io/unreachable 300"],
  );
  assert.deepEqual(await tolerations([{ operator: "Exists" }]), ["undefined undefined"]);
});

test("Priority resolves a pod's class, and keeps to it", async () => {
  const c = cluster("Priority");
  c.lookup.put(
    priorityClasses,
    { ...named("high"), value: 1000, preemptionPolicy: "Never" },
    { ...named("usual"), value: 7, globalDefault: true, preemptionPolicy: "PreemptLowerPriority" },
  );
  const spec = async (given: object) => ((await c.run(pods, { object: pod(given) })).object as Pod).spec;
  const shown = async (given: object) => {
    const { priority, preemptionPolicy, priorityClassName } = (await spec(given)) ?? {};
    return [priorityClassName, priority, preemptionPolicy];
  };
  assert.deepEqual(await shown({ priorityClassName: "high" }), ["high", 1000, "Never"]);
  assert.deepEqual(await shown({}), ["usual", 7, "PreemptLowerPriority"]);
  await assert.rejects(spec({ priorityClassName: "none" }), {
    message: 'pods "web" is forbidden: no PriorityClass with name none was found',
  });
  await assert.rejects(
    spec({ priorityClassName: "high", priority: 3 }),
    /the integer value of priority \(3\) must not be provided in pod spec; priority admission controller computed 1000/,
  );
  await assert.rejects(
    spec({ priorityClassName: "high", preemptionPolicy: "X" }),
    /the string value of PreemptionPolicy \(X\) must not be provided/,
  );
  const { object } = await c.run(pods, { object: pod(), old: pod({ priority: 3, preemptionPolicy: "Never" }) });
  assert.equal((object as Pod).spec?.priority, 3);
  const second = { object: { ...named("second"), value: 1, globalDefault: true } };
  await assert.rejects(
    c.run(priorityClasses, second),
    /PriorityClass usual is already marked as default. Only one default can exist/,
  );
  await c.run(priorityClasses, { object: { ...named("usual"), value: 7, globalDefault: true }, old: named("usual") });
  const none = cluster("Priority");
  const { priority, preemptionPolicy } = ((await none.run(pods, { object: pod() })).object as Pod).spec ?? {};
  assert.deepEqual([priority, preemptionPolicy], [0, "PreemptLowerPriority"]);
});

const objectSpec = ({ object }: { object: UnknownObject }) => (object.spec ?? {}) as Record<string, string | undefined>;
const marked = (name: string, created: string, key: string) => ({
  ...named(name, { creationTimestamp: created, annotations: { [key]: "true" } }),
  provisioner: "p",
});
test("DefaultStorageClass and DefaultIngressClass choose the newest default", async () => {
  const s = cluster("DefaultStorageClass");
  const key = "storageclass.kubernetes.io/is-default-class";
  const claim = async (spec: object) =>
    objectSpec(await s.run(persistentVolumeClaims, { object: { ...named("d", { namespace: "ns" }), spec } }))
      .storageClassName;
  assert.equal(await claim({}), undefined);
  s.lookup.put(
    storageClasses,
    marked("old", "2026-01-01T00:00:00Z", key),
    marked("b", "2026-01-02T00:00:00Z", key),
    marked("a", "2026-01-02T00:00:00Z", key),
  );
  assert.equal(await claim({}), "a");
  assert.equal(await claim({ storageClassName: "" }), "");
  const i = cluster("DefaultIngressClass");
  i.lookup.put(ingressClasses, marked("nginx", "2026-01-01T00:00:00Z", "ingressclass.kubernetes.io/is-default-class"));
  const ingress = async (object: object) => objectSpec(await i.run(ingresses, { object })).ingressClassName;
  assert.equal(await ingress({ ...named("i", { namespace: "ns" }), spec: {} }), "nginx");
  assert.equal(
    await ingress({ ...named("i", { namespace: "ns", annotations: { "kubernetes.io/ingress.class": "x" } }) }),
    undefined,
  );
});

test("StorageObjectInUseProtection adds its finalizer once", async () => {
  const c = cluster("StorageObjectInUseProtection");
  const finalizers = async (type: ResourceType<KubeObject>, given: string[]) =>
    (await c.run(type, { object: named("v", { finalizers: given }) })).object.metadata?.finalizers;
  assert.deepEqual(await finalizers(persistentVolumes, ["a"]), ["a", "kubernetes.io/pv-protection"]);
  assert.deepEqual(await finalizers(persistentVolumeClaims, ["kubernetes.io/pvc-protection"]), [
    "kubernetes.io/pvc-protection",
  ]);
});

test("PersistentVolumeClaimResize lets only bound claims of a growing class grow", async () => {
  const c = cluster("PersistentVolumeClaimResize");
  c.lookup.put(
    storageClasses,
    { ...named("grows"), provisioner: "p", allowVolumeExpansion: true },
    { ...named("fixed"), provisioner: "p" },
  );
  const claim = (storage: string, storageClassName: string, phase = "Bound") => ({
    ...named("d", { namespace: "ns" }),
    spec: { storageClassName, resources: { requests: { storage } } },
    status: { phase },
  });
  const grow = (storageClassName: string, phase?: string) =>
    c.run(persistentVolumeClaims, {
      object: claim("2Gi", storageClassName, phase),
      old: claim("1Gi", storageClassName, phase),
    });
  await grow("grows");
  await assert.rejects(grow("fixed"), /only dynamically provisioned pvc can be resized/);
  await assert.rejects(grow("grows", "Pending"), /Only bound persistent volume claims can be expanded/);
  await c.run(persistentVolumeClaims, { object: claim("1Gi", "fixed"), old: claim("1Gi", "fixed") });
});

test("RuntimeClass brings overhead and scheduling", async () => {
  const c = cluster("RuntimeClass");
  c.lookup.put(runtimeClasses, {
    ...named("kata"),
    handler: "kata",
    overhead: { podFixed: { cpu: "250m" } },
    scheduling: { nodeSelector: { vm: "yes" }, tolerations: [{ key: "vm", operator: "Exists" }] },
  } as RuntimeClass);
  const spec = async (given: object) => ((await c.run(pods, { object: pod(given) })).object as Pod).spec;
  const made = await spec({
    runtimeClassName: "kata",
    nodeSelector: { zone: "a" },
    tolerations: [{ key: "vm", operator: "Equal", value: "x" }],
  });
  assert.deepEqual([made?.overhead, made?.nodeSelector], [{ cpu: "250m" }, { zone: "a", vm: "yes" }]);
  assert.deepEqual(made?.tolerations, [{ key: "vm", operator: "Exists" }]);
  await assert.rejects(spec({ runtimeClassName: "none" }), /pod rejected: RuntimeClass "none" not found/);
  await assert.rejects(
    spec({ runtimeClassName: "kata", nodeSelector: { vm: "no" } }),
    /conflict: runtimeClass.scheduling.nodeSelector\[vm\] = yes; pod.spec.nodeSelector\[vm\] = no/,
  );
  await assert.rejects(spec({ runtimeClassName: "kata", overhead: { cpu: "1" } }), /Pod's Overhead doesn't match/);
  await assert.rejects(spec({ overhead: { cpu: "1" } }), /Pod Overhead set without corresponding RuntimeClass/);
});

const request = (signerName: string, organizations: string[] = []) => {
  const pem = newCertificateRequest({ commonName: "jane", organizations, privateKey: newKeyPair().privateKey });
  return {
    ...named("csr"),
    spec: { signerName, request: Buffer.from(pem).toString("base64"), usages: ["client auth"] },
  };
};
test("certificate requests are approved, signed and made only by those who may", async () => {
  const [approval, signing, restriction] = [
    "CertificateApproval",
    "CertificateSigning",
    "CertificateSubjectRestriction",
  ].map((name) => cluster(name));
  const old = request("example.com/x");
  await assert.rejects(
    approval!.run(certificateSigningRequests, { object: old, old, subresource: "approval" }),
    /user not permitted to approve requests with signerName "example.com\/x"/,
  );
  const signed = { ...old, status: { certificate: "YQ==" } };
  await assert.rejects(
    signing!.run(certificateSigningRequests, { object: signed, old, subresource: "status" }),
    /user not permitted to sign requests with signerName "example.com\/x"/,
  );
  await signing!.run(certificateSigningRequests, { object: old, old, subresource: "status" });
  const wildcard = cluster("CertificateApproval", {
    authorizer: {
      authorize: ({ name, verb }) =>
        verb === "approve" && name === "example.com/*" ? { decision: "allow" } : { decision: "no-opinion" },
    },
  });
  await wildcard.run(certificateSigningRequests, { object: old, old, subresource: "approval" });
  const client = "kubernetes.io/kube-apiserver-client";
  await restriction!.run(certificateSigningRequests, { object: request(client, ["dev"]) });
  await restriction!.run(certificateSigningRequests, { object: request("example.com/x", ["system:masters"]) });
  await assert.rejects(
    restriction!.run(certificateSigningRequests, { object: request(client, ["system:masters"]) }),
    /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed/,
  );
  await assert.rejects(
    restriction!.run(certificateSigningRequests, {
      object: { ...named("c"), spec: { signerName: client, request: "eA==" } },
    }),
    /failed to parse CSR/,
  );
});

test("PodTopologyLabels labels what goes to a node", async () => {
  const c = cluster("PodTopologyLabels");
  c.lookup.put(nodes, named("n", { labels: { "topology.kubernetes.io/zone": "z", other: "o" } }));
  const labels = async (object: object, subresource?: string) =>
    (await c.run(pods, { object, ...(subresource ? { subresource } : {}) })).object.metadata?.labels;
  assert.deepEqual(await labels({ ...named("p"), target: { kind: "Node", name: "n" } }, "binding"), {
    "topology.kubernetes.io/zone": "z",
  });
  assert.deepEqual(await labels(pod({ nodeName: "n" }, { labels: { a: "b" } })), {
    a: "b",
    "topology.kubernetes.io/zone": "z",
  });
  assert.equal(await labels(pod()), undefined);
});

test("PodResizeValidator keeps a pod within its node", async () => {
  const c = cluster("PodResizeValidator");
  c.lookup.put(
    nodes,
    { ...named("n"), status: { allocatable: { cpu: "2", memory: "1Gi" } } },
    named("w", { labels: { "kubernetes.io/os": "windows" } }),
  );
  const of = (cpu: string, nodeName = "n") =>
    pod({ nodeName, containers: [{ name: "c", resources: { requests: { cpu } } }] });
  const resize = (to: object) => c.run(pods, { object: to, old: of("1"), subresource: "resize" });
  await resize(of("2"));
  await assert.rejects(
    resize(of("3")),
    /node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000/,
  );
  await assert.rejects(resize(of("1", "w")), /pod resize is only supported on linux nodes/);
});

test("alwaysAllow lets a signer be used", async () => {
  const c = cluster("CertificateApproval", { authorizer: alwaysAllow });
  const old = request("example.com/x");
  await c.run(certificateSigningRequests, { object: old, old, subresource: "approval" });
});
