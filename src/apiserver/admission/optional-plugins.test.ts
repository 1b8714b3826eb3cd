import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, ResourceType } from "../../api/object.ts";
import {
  clusterTrustBundlesCertificatesV1beta1,
  configMaps,
  namespaces,
  nodes,
  podGroups,
  pods,
  replicaSets,
  services,
  workloads,
} from "../../api/resource-types.ts";
import { alreadyExists, type StatusError } from "../../api/status-error.ts";
import type { Namespace } from "../../api/types/core.v1.ts";
import type { Authorizer } from "../authorization.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { alwaysDeny } from "./always.ts";
import { alwaysPullImages } from "./always-pull-images.ts";
import { run, type WriteOptions } from "./attributes.fixture.ts";
import { extendedResourceToleration } from "./extended-resource-toleration.ts";
import { limitPodHardAntiAffinityTopology } from "./hard-anti-affinity.ts";
import { namespaceAutoProvision, namespaceExists } from "./namespace-existence.ts";
import { podNodeSelector, podTolerationRestriction } from "./namespace-placement.ts";
import { nodeDeclaredFeatureValidator } from "./node-declared-features.ts";
import { ownerReferencesPermissionEnforcement } from "./owner-references.ts";
import { podGroupWorkloadExists } from "./pod-group-workload.ts";
import { denyServiceExternalIps } from "./service-external-ips.ts";
import { clusterTrustBundleAttest } from "./trust-bundles.ts";

const pod = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: "web", namespace: "ns", ...metadata },
  spec: { containers: [{ name: "c", image: "i" }], ...spec },
});
const refused = (
  plugin: AdmissionPlugin,
  type: ResourceType<KubeObject>,
  options: WriteOptions,
  message: RegExp | string,
) =>
  assert.rejects(run(plugin, type, options), (error: StatusError) => {
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });

test("namespaces must exist, or are made", async () => {
  const lookup = memoryLookup();
  lookup.put(namespaces, { metadata: { name: "here" } });
  const created: string[] = [];
  const client = () =>
    ({
      resource: () => ({
        async create({ metadata }: Namespace) {
          if (metadata?.name === "quick") throw alreadyExists(namespaces, "quick");
          created.push(metadata?.name ?? "");
        },
      }),
    }) as never;
  const object = (namespace: string) => ({ object: { metadata: { name: "a", namespace } } });
  const exists = namespaceExists({ lookup });
  await run(exists, configMaps, object("here"));
  await refused(exists, configMaps, object("none"), 'namespaces "none" not found');
  const provision = namespaceAutoProvision({ lookup, client });
  for (const name of ["here", "new", "quick"]) await run(provision, configMaps, object(name));
  await run(provision, configMaps, { ...object("dry"), dryRun: true });
  assert.deepEqual(created, ["new"]);
});

test("images are pulled always", async () => {
  const object = pod({
    initContainers: [{ name: "i", imagePullPolicy: "Never" }],
    volumes: [{ name: "v", image: { reference: "r", pullPolicy: "IfNotPresent" } }],
  });
  const { object: changed } = await run(alwaysPullImages, pods, { object });
  const spec = changed.spec as {
    containers: { imagePullPolicy: string }[];
    initContainers: { imagePullPolicy: string }[];
    volumes: { image: object }[];
  };
  assert.equal(spec.containers[0]?.imagePullPolicy, "Always");
  assert.equal(spec.initContainers[0]?.imagePullPolicy, "Always");
  assert.deepEqual(spec.volumes[0]?.image, { reference: "r", pullPolicy: "Always" });
  const same = await run(alwaysPullImages, pods, { object: pod(), old: pod() });
  assert.equal(same.handled, false);
  const { validate } = alwaysPullImages;
  const attributes = {
    object: pod({ containers: [{ name: "c", imagePullPolicy: "Never" }] }),
    name: "web",
    type: pods,
  };
  assert.throws(
    () => validate!(attributes as never),
    /spec\.containers\[0\]\.imagePullPolicy: Unsupported value: "Never": supported values: "Always"/,
  );
});

test("new external addresses of Services are refused", async () => {
  const service = (externalIPs?: string[]) => ({ metadata: { name: "s", namespace: "ns" }, spec: { externalIPs } });
  await run(denyServiceExternalIps, services, { object: service() });
  await run(denyServiceExternalIps, services, { object: service(["1.2.3.4"]), old: service(["1.2.3.4", "5.6.7.8"]) });
  for (const old of [undefined, service(["5.6.7.8"])]) {
    await refused(
      denyServiceExternalIps,
      services,
      { object: service(["1.2.3.4"]), old },
      /Use of external IPs is denied by admission control\.$/,
    );
  }
});

test("pods keep others from their node at most", async () => {
  const affinity = (topologyKey: string) =>
    pod({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey }] } } });
  await run(limitPodHardAntiAffinityTopology, pods, { object: affinity("kubernetes.io/hostname") });
  await refused(
    limitPodHardAntiAffinityTopology,
    pods,
    { object: affinity("zone") },
    /has TopologyKey zone but only key kubernetes\.io\/hostname is allowed/,
  );
});

test("pods tolerate the taint of the devices that they ask for", async () => {
  const resources = { requests: { cpu: "1", "example.com/gpu": "1", "example.com/fpga": "1" } };
  const object = pod({
    containers: [{ name: "c", resources }],
    tolerations: [{ key: "example.com/gpu", operator: "Exists", effect: "NoSchedule" }],
  });
  const { object: changed } = await run(extendedResourceToleration, pods, { object });
  assert.deepEqual((changed.spec as { tolerations: object[] }).tolerations, [
    { key: "example.com/gpu", operator: "Exists", effect: "NoSchedule" },
    { key: "example.com/fpga", operator: "Exists", effect: "NoSchedule" },
  ]);
});

const annotated = (annotations: Record<string, string>) => {
  const lookup = memoryLookup();
  lookup.put(namespaces, { metadata: { name: "ns", annotations } });
  return lookup;
};

test("a namespace's node selector is its pods'", async () => {
  const plugin = podNodeSelector({
    lookup: annotated({ "scheduler.alpha.kubernetes.io/node-selector": "env=a,disk=ssd" }),
  });
  const { object } = await run(plugin, pods, { object: pod({ nodeSelector: { env: "a", x: "y" } }) });
  assert.deepEqual((object.spec as { nodeSelector: object }).nodeSelector, { env: "a", disk: "ssd", x: "y" });
  await refused(
    plugin,
    pods,
    { object: pod({ nodeSelector: { env: "b" } }) },
    'pods "web" is forbidden: pod node label selector conflicts with its namespace node label selector',
  );
  await run(podNodeSelector({ lookup: annotated({}) }), pods, { object: pod({ nodeSelector: { env: "b" } }) });
});

test("a namespace's tolerations are its pods', and limit them", async () => {
  const defaults = [{ key: "team", operator: "Equal", value: "a", effect: "NoSchedule" }];
  const allowed = [...defaults, { key: "spot", operator: "Exists" }];
  const plugin = podTolerationRestriction({
    lookup: annotated({
      "scheduler.alpha.kubernetes.io/defaultTolerations": JSON.stringify(defaults),
      "scheduler.alpha.kubernetes.io/tolerationsWhitelist": JSON.stringify(allowed),
    }),
  });
  const { object } = await run(plugin, pods, {
    object: pod({ tolerations: [{ key: "spot", operator: "Exists", effect: "NoSchedule" }] }),
  });
  assert.deepEqual((object.spec as { tolerations: object[] }).tolerations, [
    { key: "spot", operator: "Exists", effect: "NoSchedule" },
    ...defaults,
  ]);
  const asking = pod({ containers: [{ name: "c", resources: { requests: { cpu: "1" } } }] });
  const burstable = await run(plugin, pods, { object: asking });
  assert.deepEqual(
    (burstable.object.spec as { tolerations: { key: string }[] }).tolerations.map(({ key }) => key),
    ["team", "node.kubernetes.io/memory-pressure"],
  );
  await refused(
    plugin,
    pods,
    { object: pod({ tolerations: [{ key: "other", operator: "Exists" }] }) },
    /conflict with its namespace whitelist$/,
  );
  await refused(
    plugin,
    pods,
    { object: pod({ tolerations: [{ key: "team", operator: "Equal", value: "b", effect: "NoSchedule" }] }) },
    /namespace tolerations and pod tolerations conflict$/,
  );
});

test("owners are named by those who may delete, and hold up by those who may set finalizers", async () => {
  const allowed = new Set<string>();
  const authorizer: Authorizer = {
    authorize: ({ verb, resource, subresource }) =>
      allowed.has(`${verb} ${resource}${subresource ? `/${subresource}` : ""}`)
        ? { decision: "allow" }
        : { decision: "no-opinion", reason: "nope" },
  };
  const catalogue = { all: [{ type: replicaSets }] } as unknown as ResourceCatalogue;
  const plugin = ownerReferencesPermissionEnforcement({ authorizer, catalogue });
  const owned = (more: object = {}) =>
    pod({}, { ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "1", ...more }] });
  await run(plugin, pods, { object: pod() });
  await refused(
    plugin,
    pods,
    { object: owned() },
    'pods "web" is forbidden: cannot set an ownerRef on a resource you can\'t delete: nope, <nil>',
  );
  await run(plugin, pods, { object: owned(), old: owned() });
  allowed.add("delete pods");
  await run(plugin, pods, { object: owned() });
  const blocking = owned({ blockOwnerDeletion: true });
  await refused(
    plugin,
    pods,
    { object: blocking },
    /cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: nope/,
  );
  await refused(
    plugin,
    pods,
    { object: owned({ blockOwnerDeletion: true, kind: "Nope" }) },
    /no matches for kind "Nope" in version "apps\/v1"/,
  );
  allowed.add("update replicasets/finalizers");
  await run(plugin, pods, { object: blocking });
});

test("trust anchors of a signer take the verb attest", async () => {
  const asked: string[] = [];
  const authorizer: Authorizer = {
    authorize: ({ verb, name }) => {
      asked.push(`${verb} ${name}`);
      return { decision: "no-opinion" };
    },
  };
  const plugin = clusterTrustBundleAttest({ authorizer });
  const bundle = (spec: object) => ({ metadata: { name: "b" }, spec });
  await run(plugin, clusterTrustBundlesCertificatesV1beta1, { object: bundle({ trustBundle: "x" }) });
  const signed = bundle({ signerName: "example.com/s", trustBundle: "x" });
  await refused(
    plugin,
    clusterTrustBundlesCertificatesV1beta1,
    { object: signed },
    /user not permitted to attest for signerName "example\.com\/s"$/,
  );
  assert.deepEqual(asked, ["attest example.com/s", "attest example.com/*"]);
  await run(plugin, clusterTrustBundlesCertificatesV1beta1, { object: signed, old: signed });
});

test("a PodGroup's Workload and template must be there", async () => {
  const lookup = memoryLookup();
  lookup.put(workloads, {
    metadata: { name: "w", namespace: "ns" },
    spec: { podGroupTemplates: [{ name: "t" }] },
  } as never);
  const plugin = podGroupWorkloadExists({ lookup });
  const group = (workload?: object) => ({
    metadata: { name: "g", namespace: "ns" },
    spec: workload ? { podGroupTemplateRef: { workload } } : {},
  });
  await run(plugin, podGroups, { object: group() });
  await run(plugin, podGroups, { object: group({ workloadName: "w", podGroupTemplateName: "t" }) });
  await refused(
    plugin,
    podGroups,
    { object: group({ workloadName: "x", podGroupTemplateName: "t" }) },
    /PodGroup rejected: Workload "x" not found$/,
  );
  await refused(
    plugin,
    podGroups,
    { object: group({ workloadName: "w", podGroupTemplateName: "u" }) },
    /PodGroupTemplate "u" not found in Workload "w"$/,
  );
});

test("a pod is not changed in a way that its node doesn't know", async () => {
  const lookup = memoryLookup();
  const feature = "InPlacePodLevelResourcesVerticalScaling";
  lookup.put(
    nodes,
    { metadata: { name: "old" } },
    { metadata: { name: "new" }, status: { declaredFeatures: [feature] } },
  );
  const plugin = nodeDeclaredFeatureValidator({ lookup });
  const on = (nodeName: string, cpu: string) => pod({ nodeName, resources: { requests: { cpu } } });
  await run(plugin, pods, { object: on("new", "2"), old: on("new", "1") });
  await run(plugin, pods, { object: on("old", "1"), old: on("old", "1") });
  await refused(
    plugin,
    pods,
    { object: on("old", "2"), old: on("old", "1") },
    new RegExp(`pod update requires features ${feature} which are not available on node "old"$`),
  );
  await refused(plugin, pods, { object: on("gone", "2"), old: on("gone", "1") }, /node "gone" not found$/);
});

test("AlwaysDeny denies", async () => {
  await refused(alwaysDeny, pods, { object: pod() }, /admission control is denying all modifications$/);
});
