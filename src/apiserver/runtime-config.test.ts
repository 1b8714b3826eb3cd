import assert from "node:assert/strict";
import { test } from "node:test";
import { servedResources } from "../api/schema/served-resources.ts";
import { featureGates, knownGates } from "./feature-gates.ts";
import { runtimeConfig } from "./runtime-config.ts";

const all = servedResources(true);
function served(entries: string[], gates: string[] = []): string[] {
  const serves = runtimeConfig(entries, all, featureGates(gates));
  return all.filter(serves).map(({ group, version, resource }) => `${group}/${version}/${resource}`);
}
const stable = served([]);

test("stable versions are served, others when they are switched on", () => {
  assert.deepEqual(
    stable,
    all.filter(({ ga }) => ga).map(({ group, version, resource }) => `${group}/${version}/${resource}`),
  );
  const added = (...entries: string[]) => served(entries).filter((one) => !stable.includes(one));
  assert.deepEqual(added("networking.k8s.io/v1beta1"), [
    "networking.k8s.io/v1beta1/ipaddresses",
    "networking.k8s.io/v1beta1/servicecidrs",
  ]);
  assert.deepEqual(added("networking.k8s.io/v1beta1/ipaddresses=true"), ["networking.k8s.io/v1beta1/ipaddresses"]);
  assert.deepEqual(added("networking.k8s.io/v1beta1=true,networking.k8s.io/v1beta1/ipaddresses=false"), [
    "networking.k8s.io/v1beta1/servicecidrs",
  ]);
  const beta = added("api/beta=true");
  assert.ok(beta.length > 10 && beta.every((one) => /\/v\d+beta\d+\//.test(one)), beta.join());
  assert.ok(
    added("api/all=true", "resource.k8s.io/v1beta1=false").every((one) => !one.includes("resource.k8s.io/v1beta1/")),
  );
});

test("stable versions and their resources can be switched off", () => {
  const missing = (...entries: string[]) => stable.filter((one) => !served(entries).includes(one));
  assert.deepEqual(missing("batch/v1/cronjobs=false"), ["batch/v1/cronjobs"]);
  assert.ok(missing("api/all=false", "v1=true").every((one) => !one.startsWith("/v1/")));
});

test("resources of features that are off are not served, whatever versions are", () => {
  const bundles = "certificates.k8s.io/v1beta1/clustertrustbundles";
  assert.ok(!served(["api/all=true"]).includes(bundles));
  assert.ok(served(["api/all=true"], ["ClusterTrustBundle=true"]).includes(bundles));
  assert.ok(!served([], ["ClusterTrustBundle=true"]).includes(bundles));
});

test("entries that mean nothing are refused in upstream's words", () => {
  for (const [entry, message] of [
    ["api/all=false", "invalid runtime-config with only api/all=false"],
    ["api/beta=maybe", "invalid value api/beta=maybe"],
    ["apps/v1=maybe", 'invalid value of apps/v1: maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax'],
    ["example.com/v1=true", "unknown api groups example.com/v1"],
    ["apps/v1beta1=true", "group version apps/v1beta1 that has not been registered"],
    ["apps=true", "runtime-config invalid key apps"],
    ["apps/v1/Deployments=true", /always lowercase plural, not "Deployments"/],
    ["apps/v1/pods=true", /apps\/v1 has no resource "pods"/],
  ] as const) {
    assert.throws(() => served([entry]), typeof message === "string" ? { message } : message, entry);
  }
});

test("feature gates have 1.36's defaults and are held to what is known, locked and here", () => {
  assert.ok(knownGates().size > 200);
  const gates = featureGates(["ClusterTrustBundle=true, APIResponseCompression=true"]);
  assert.deepEqual(["ClusterTrustBundle", "GenericWorkload", "WatchList", "NoSuchGate"].map(gates.enabled), [
    true,
    false,
    true,
    false,
  ]);
  for (const [entry, message] of [
    ["NoSuchGate=true", /unrecognized feature gate: NoSuchGate/],
    ["WatchList", /missing bool value for WatchList/],
    ["WatchList=maybe", /invalid value of WatchList: maybe/],
    ["APIServerTracing=false", /cannot set feature gate APIServerTracing to false, feature is locked to true/],
    ["CBORServingAndStorage=true", /can't set CBORServingAndStorage=true/],
    ["AllAlpha=true", /can't set .*CBORServingAndStorage=true/],
  ] as const) {
    assert.throws(() => featureGates([entry]), message, entry);
  }
});
