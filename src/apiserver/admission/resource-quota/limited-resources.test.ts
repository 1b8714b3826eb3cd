import assert from "node:assert/strict";
import { test } from "node:test";
import { persistentVolumeClaims, pods, resourceQuotas } from "../../../api/resource-types.ts";
import type { ResourceQuota } from "../../../api/types/core.v1.ts";
import { virtualClock } from "../../../base/virtual-clock.ts";
import { memoryLookup } from "../../lookup.fixture.ts";
import { run } from "../attributes.fixture.ts";
import { resourceQuotaConfiguration } from "./configuration.ts";
import { resourceQuota } from "./resource-quota.ts";

const CONFIGURATION = `
apiVersion: apiserver.config.k8s.io/v1
kind: ResourceQuotaConfiguration
limitedResources:
- resource: persistentvolumeclaims
  matchContains: [gold.storageclass.storage.k8s.io/requests.storage]
- resource: pods
  matchScopes:
  - {scopeName: PriorityClass, operator: In, values: [cluster-services]}
`;

const claim = (storageClassName: string) => ({
  metadata: { name: "data", namespace: "ns" },
  spec: { storageClassName, resources: { requests: { storage: "1Gi" } } },
});
const pod = (priorityClassName: string) => ({
  metadata: { name: "web", namespace: "ns" },
  spec: { priorityClassName, containers: [{ name: "c" }] },
});
const quota = (name: string, hard: Record<string, string>, spec: object = {}): ResourceQuota => ({
  metadata: { name, namespace: "ns", resourceVersion: "1" },
  spec: { hard, ...spec },
  status: { hard, used: Object.fromEntries(Object.keys(hard).map((key) => [key, "0"])) },
});

test("what is limited by configuration is only consumed where a quota covers it", async () => {
  const lookup = memoryLookup();
  const limitedResources = await resourceQuotaConfiguration(CONFIGURATION);
  const updateStatus = async (changed: ResourceQuota) => {
    lookup.put(resourceQuotas, changed);
    return changed;
  };
  const clock = virtualClock();
  const plugin = resourceQuota({
    lookup,
    clock,
    quotas: () => ({ updateStatus }),
    configuration: { limitedResources },
  });
  await run(plugin, persistentVolumeClaims, { object: claim("silver") });
  await assert.rejects(run(plugin, persistentVolumeClaims, { object: claim("gold") }), {
    message:
      'persistentvolumeclaims "data" is forbidden: insufficient quota to consume: gold.storageclass.storage.k8s.io/requests.storage',
  });
  await run(plugin, pods, { object: pod("ordinary") });
  await assert.rejects(run(plugin, pods, { object: pod("cluster-services") }), {
    message:
      'pods "web" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [cluster-services]}]',
  });
  const scopeSelector = {
    matchExpressions: [{ scopeName: "PriorityClass", operator: "In", values: ["cluster-services"] }],
  };
  lookup.put(
    resourceQuotas,
    quota("storage", { "gold.storageclass.storage.k8s.io/requests.storage": "5Gi" }),
    quota("services", { pods: "3" }, { scopeSelector }),
  );
  await run(plugin, persistentVolumeClaims, { object: claim("gold") });
  await run(plugin, pods, { object: pod("cluster-services") });
});

test("a configuration without a resource is refused", async () => {
  const text =
    "apiVersion: apiserver.config.k8s.io/v1\nkind: ResourceQuotaConfiguration\nlimitedResources: [{apiGroup: a}]";
  await assert.rejects(resourceQuotaConfiguration(text), /limitedResources\[0\]\.resource: Required value/);
});
