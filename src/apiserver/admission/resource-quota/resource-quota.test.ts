import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, ResourceType } from "../../../api/object.ts";
import {
  configMaps,
  deployments,
  events,
  persistentVolumeClaims,
  pods,
  resourceQuotas,
  services,
} from "../../../api/resource-types.ts";
import { conflict, internalError } from "../../../api/status-error.ts";
import type { ResourceQuota } from "../../../api/types/core.v1.ts";
import { virtualClock } from "../../../base/virtual-clock.ts";
import { memoryLookup } from "../../lookup.fixture.ts";
import { run, type WriteOptions } from "../attributes.fixture.ts";
import { resourceQuota } from "./resource-quota.ts";

const quota = (
  hard: Record<string, string>,
  used: Record<string, string> = {},
  spec: object = {},
  name = "q",
): ResourceQuota => ({
  metadata: { name, namespace: "ns", resourceVersion: "1" },
  spec: { hard, ...spec },
  status: { hard, used: { ...Object.fromEntries(Object.keys(hard).map((key) => [key, "0"])), ...used } },
});

/** A namespace with quotas; `fail` may stand in the way of a status update. */
function cluster(quotas: ResourceQuota[], fail?: (attempt: number) => Error | undefined) {
  const lookup = memoryLookup();
  lookup.put(resourceQuotas, ...quotas);
  let updates = 0;
  const plugin = resourceQuota({
    lookup,
    clock: virtualClock(),
    quotas: () => ({
      async updateStatus(changed) {
        updates++;
        const error = fail?.(updates);
        if (error) throw error;
        lookup.put(resourceQuotas, changed);
        return changed;
      },
    }),
  });
  const used = async () =>
    Object.fromEntries(
      (await lookup.list(resourceQuotas)).map(({ metadata, status }) => [metadata?.name, status?.used]),
    );
  return {
    lookup,
    plugin,
    used,
    updates: () => updates,
    run: (type: ResourceType<KubeObject>, options: WriteOptions) => run(plugin, type, options),
  };
}
const named = (name: string, more: object = {}) => ({ metadata: { name, namespace: "ns" }, ...more });
const pod = (requests: object = {}, limits: object = {}, spec: object = {}) =>
  named("web", { spec: { containers: [{ name: "c", resources: { requests, limits } }], ...spec } });

test("a write is charged before it happens", async () => {
  const c = cluster([
    quota(
      { pods: "2", "requests.cpu": "1", "limits.memory": "1Gi", "count/pods": "5" },
      { pods: "1", "requests.cpu": "500m" },
    ),
  ]);
  await c.run(pods, { object: pod({ cpu: "300m" }, { memory: "512Mi" }) });
  assert.deepEqual(await c.used(), {
    q: { pods: "2", "requests.cpu": "800m", "limits.memory": "512Mi", "count/pods": "1" },
  });
  await assert.rejects(c.run(pods, { object: pod({ cpu: "300m" }, { memory: "1Mi" }) }), {
    message:
      'pods "web" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=300m, used: pods=2,requests.cpu=800m, limited: pods=2,requests.cpu=1',
  });
  assert.equal(c.updates(), 1);
});

for (const [title, hard, type, options, expected] of [
  [
    "pods must say what the quota limits",
    { "requests.cpu": "1", memory: "1Gi" },
    pods,
    { object: pod() },
    "failed quota: q: must specify memory for: c; requests.cpu for: c",
  ],
  [
    "pods may say it as a whole",
    { "requests.cpu": "1" },
    pods,
    { object: pod({}, {}, { resources: { requests: { cpu: "2" } } }) },
    "exceeded quota: q, requested: requests.cpu=2, used: requests.cpu=0, limited: requests.cpu=1",
  ],
  [
    "init containers count by their peak",
    { "requests.cpu": "1" },
    pods,
    { object: pod({ cpu: "600m" }, {}, { initContainers: [{ name: "i", resources: { requests: { cpu: "900m" } } }] }) },
    { "requests.cpu": "900m" },
  ],
  [
    "overhead counts",
    { "requests.cpu": "1" },
    pods,
    { object: pod({ cpu: "600m" }, {}, { overhead: { cpu: "100m" } }) },
    { "requests.cpu": "700m" },
  ],
  [
    "extended resources count",
    { "requests.example.com/gpu": "2" },
    pods,
    { object: pod({ "example.com/gpu": "1" }) },
    { "requests.example.com/gpu": "1" },
  ],
  [
    "huge pages count",
    { "hugepages-2Mi": "4Mi" },
    pods,
    { object: pod({ "hugepages-2Mi": "4Mi" }) },
    { "hugepages-2Mi": "4Mi" },
  ],
  [
    "a service of node ports",
    { services: "1", "services.nodeports": "1" },
    services,
    { object: named("s", { spec: { type: "NodePort", ports: [{}, {}] } }) },
    "exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1",
  ],
  [
    "a load balancer without node ports",
    { "services.loadbalancers": "1", "services.nodeports": "1" },
    services,
    {
      object: named("s", {
        spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ nodePort: 3 }, {}] },
      }),
    },
    { "services.loadbalancers": "1", "services.nodeports": "1" },
  ],
  [
    "a service that becomes a load balancer",
    { services: "1", "services.loadbalancers": "1" },
    services,
    { object: named("s", { spec: { type: "LoadBalancer" } }), old: named("s", { spec: { type: "ClusterIP" } }) },
    { services: "0", "services.loadbalancers": "1" },
  ],
  [
    "a claim",
    { "requests.storage": "5Gi", "gold.storageclass.storage.k8s.io/requests.storage": "1Gi" },
    persistentVolumeClaims,
    { object: named("d", { spec: { storageClassName: "gold", resources: { requests: { storage: "2Gi" } } } }) },
    "exceeded quota: q, requested: gold.storageclass.storage.k8s.io/requests.storage=2Gi, used: gold.storageclass.storage.k8s.io/requests.storage=0, limited: gold.storageclass.storage.k8s.io/requests.storage=1Gi",
  ],
  [
    "a claim that grows",
    { "requests.storage": "5Gi" },
    persistentVolumeClaims,
    {
      object: named("d", { spec: { resources: { requests: { storage: "3Gi" } } } }),
      old: named("d", { spec: { resources: { requests: { storage: "2Gi" } } } }),
    },
    { "requests.storage": "1Gi" },
  ],
  [
    "objects by their number",
    { configmaps: "0" },
    configMaps,
    { object: named("c") },
    "exceeded quota: q, requested: configmaps=1, used: configmaps=0, limited: configmaps=0",
  ],
  [
    "objects of any group",
    { "count/deployments.apps": "1" },
    deployments,
    { object: named("d") },
    { "count/deployments.apps": "1" },
  ],
  [
    "updates of counted objects are free",
    { "count/deployments.apps": "0" },
    deployments,
    { object: named("d"), old: named("d") },
    { "count/deployments.apps": "0" },
  ],
  ["events are never counted", { "count/events": "0" }, events, { object: named("e") }, { "count/events": "0" }],
  [
    "a dry run is checked, not charged",
    { configmaps: "1" },
    configMaps,
    { object: named("c"), dryRun: true },
    { configmaps: "0" },
  ],
] as [string, Record<string, string>, ResourceType<KubeObject>, WriteOptions, string | Record<string, string>][]) {
  test(`quota: ${title}`, async () => {
    const c = cluster([quota(hard)]);
    const attempt = c.run(type, options);
    if (typeof expected === "string")
      await assert.rejects(attempt, (error: Error) => error.message.endsWith(`is forbidden: ${expected}`));
    else {
      await attempt;
      assert.deepEqual(await c.used(), { q: expected });
    }
  });
}

const scoped = (...scopes: string[]) => ({ scopes });
const byClass = (operator: string, values?: string[]) => ({
  scopeSelector: { matchExpressions: [{ scopeName: "PriorityClass", operator, values }] },
});
for (const [spec, object, counted] of [
  [scoped("Terminating"), pod({}, {}, { activeDeadlineSeconds: 5 }), true],
  [scoped("Terminating"), pod(), false],
  [scoped("NotTerminating"), pod(), true],
  [scoped("BestEffort"), pod(), true],
  [scoped("BestEffort"), pod({ cpu: "1" }), false],
  [scoped("NotBestEffort", "NotTerminating"), pod({ cpu: "1" }), true],
  [byClass("In", ["high"]), pod({}, {}, { priorityClassName: "high" }), true],
  [byClass("In", ["high"]), pod({}, {}, { priorityClassName: "low" }), false],
  [byClass("NotIn", ["high"]), pod(), true],
  [byClass("Exists"), pod(), false],
  [byClass("DoesNotExist"), pod(), true],
  [
    scoped("CrossNamespacePodAffinity"),
    pod(
      {},
      {},
      {
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "k", namespaces: ["x"] }] },
        },
      },
    ),
    true,
  ],
  [scoped("CrossNamespacePodAffinity"), pod(), false],
] as [object, object, boolean][]) {
  test(`scope ${JSON.stringify(spec)} ${counted ? "holds" : "doesn't hold"} ${JSON.stringify((object as { spec: object }).spec)}`, async () => {
    const c = cluster([quota({ pods: "5" }, {}, spec)]);
    await c.run(pods, { object });
    assert.deepEqual(await c.used(), { q: { pods: counted ? "1" : "0" } });
  });
}

test("a pod that comes into a scope by an update costs all it uses", async () => {
  const c = cluster([
    quota({ pods: "1" }, {}, scoped("Terminating")),
    quota({ pods: "1" }, { pods: "1" }, scoped("NotTerminating"), "long"),
  ]);
  await c.run(pods, { object: pod({}, {}, { activeDeadlineSeconds: 5 }), old: pod() });
  assert.deepEqual(await c.used(), { q: { pods: "1" }, long: { pods: "1" } });
});

test("while it is resized, a pod counts with the larger of both sizes", async () => {
  const c = cluster([quota({ "requests.cpu": "3" }, { "requests.cpu": "1" })]);
  const status = {
    containerStatuses: [{ name: "c", allocatedResources: { cpu: "1" }, resources: { requests: { cpu: "1" } } }],
  };
  await c.run(pods, {
    object: { ...pod({ cpu: "2" }), status },
    old: { ...pod({ cpu: "1" }), status },
    subresource: "resize",
  });
  assert.deepEqual(await c.used(), { q: { "requests.cpu": "2" } });
  await c.run(pods, {
    object: { ...pod({ cpu: "500m" }), status },
    old: { ...pod({ cpu: "1" }), status },
    subresource: "resize",
  });
  assert.deepEqual(await c.used(), { q: { "requests.cpu": "2" } });
});

test("a quota whose use is not counted yet lets nothing through", async () => {
  const c = cluster([
    {
      ...quota({ pods: "5", "requests.cpu": "5" }),
      status: { hard: { pods: "5", "requests.cpu": "5" }, used: { pods: "0" } },
    },
  ]);
  await assert.rejects(
    c.run(pods, { object: pod({ cpu: "1" }) }),
    /status unknown for quota: q, resources: pods,requests.cpu$/,
  );
  const fresh = cluster([{ ...quota({ pods: "0" }), status: {} }]);
  await fresh.run(pods, { object: pod() });
});

test("writes that wait together are charged together, and never share the last place", async () => {
  const c = cluster([quota({ configmaps: "3" })]);
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, index) => c.run(configMaps, { object: named(`c${index}`) })),
  );
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 3);
  assert.deepEqual(await c.used(), { q: { configmaps: "3" } });
  assert.ok(c.updates() <= 2);
});

test("a quota that somebody else changed is charged again, from what it is then", async () => {
  const c = cluster([quota({ configmaps: "3" }), quota({ "count/configmaps": "9" }, {}, {}, "r")], (attempt) => {
    if (attempt !== 1) return undefined;
    c.lookup.put(resourceQuotas, quota({ configmaps: "3" }, { configmaps: "2" }));
    return conflict({ resource: "resourcequotas" }, "q", "changed");
  });
  await c.run(configMaps, { object: named("c") });
  assert.deepEqual(await c.used(), { q: { configmaps: "3" }, r: { "count/configmaps": "1" } });
  const never = cluster([quota({ configmaps: "3" })], () => conflict({ resource: "resourcequotas" }, "q", "changed"));
  await assert.rejects(never.run(configMaps, { object: named("c") }), /changed/);
  assert.equal(never.updates(), 4);
  const broken = cluster([quota({ configmaps: "3" })], () => internalError(new Error("disk full")));
  await assert.rejects(broken.run(configMaps, { object: named("c") }), /disk full/);
  await assert.rejects(broken.run(configMaps, { object: named("c") }), /disk full/);
});
