import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { UnknownObject } from "../api/object.ts";
import { servedResources } from "../api/schema/served-resources.ts";
import { featureGates } from "./feature-gates.ts";
import { runtimeConfig } from "./runtime-config.ts";
import { send, testServer } from "./server.fixture.ts";
import type { ApiServer } from "./server.ts";

let server: ApiServer;
before(() => {
  const features = featureGates([
    "ClusterTrustBundle=true",
    "GenericWorkload=true",
    "PodCertificateRequest=true",
    "StorageVersionMigrator=true",
  ]);
  server = testServer({ features, serves: runtimeConfig(["api/all=true"], servedResources(true), features) });
  return server.ready;
});
after(() => server.close(0));

type Json = UnknownObject & Record<"spec" | "status", Record<string, unknown>>;
async function create(path: string, body: object): Promise<Json> {
  const { status, json, text } = await send<Json>(server, "POST", path, body);
  assert.equal(status, 201, text);
  return json;
}
const read = async (path: string) => (await send<Json>(server, "GET", path)).json;
async function refusal(method: "POST" | "PUT", path: string, body: object): Promise<string> {
  const { status, json } = await send<{ message: string }>(server, method, path, body);
  assert.equal(status, 422, json.message);
  return json.message;
}
const named = (apiVersion: string, kind: string, name: string, rest: object) => ({
  apiVersion,
  kind,
  metadata: { name },
  ...rest,
});

test("a claim of v1beta1 is one of v1, with its request nested", async () => {
  const claims = (version: string) => `/apis/resource.k8s.io/${version}/namespaces/default/resourceclaims`;
  const request = { name: "gpu", deviceClassName: "gpus" };
  const spec = { devices: { requests: [request, { name: "any", firstAvailable: [{ ...request, name: "a" }] }] } };
  const made = await create(claims("v1beta1"), named("resource.k8s.io/v1beta1", "ResourceClaim", "c", { spec }));
  const exact = { deviceClassName: "gpus", allocationMode: "ExactCount", count: 1 };
  const shown = [
    { name: "gpu", ...exact },
    { name: "any", deviceClassName: "", firstAvailable: [{ name: "a", ...exact }] },
  ];
  assert.deepEqual(made.spec, { devices: { requests: shown } });
  const nested = [
    { name: "gpu", exactly: exact },
    { name: "any", firstAvailable: [{ name: "a", ...exact }] },
  ];
  for (const version of ["v1", "v1beta2"]) {
    const other = await read(`${claims(version)}/c`);
    assert.deepEqual([other.apiVersion, other.spec], [`resource.k8s.io/${version}`, { devices: { requests: nested } }]);
  }
  const list = (await read(claims("v1beta1"))) as unknown as { apiVersion: string; items: Json[] };
  assert.deepEqual([list.apiVersion, list.items[0]?.spec], ["resource.k8s.io/v1beta1", made.spec]);
});

test("a device of v1beta1 has its fields in `basic`", async () => {
  const slices = (version: string) => `/apis/resource.k8s.io/${version}/resourceslices`;
  const basic = { attributes: { model: { string: "x" } }, capacity: { memory: { value: "1Gi" } } };
  const spec = {
    driver: "gpu.example.com",
    nodeName: "n",
    pool: { name: "n", generation: 1, resourceSliceCount: 1 },
    devices: [{ name: "d", basic }],
  };
  await create(slices("v1beta1"), named("resource.k8s.io/v1beta1", "ResourceSlice", "s", { spec }));
  assert.deepEqual((await read(`${slices("v1")}/s`)).spec["devices"], [{ name: "d", ...basic }]);
  assert.deepEqual((await read(`${slices("v1beta1")}/s`)).spec["devices"], [{ name: "d", basic }]);
});

test("versions of one shape show the same objects", async () => {
  const spec = { cidrs: ["10.200.0.0/24"] };
  const range = named("networking.k8s.io/v1beta1", "ServiceCIDR", "extra", { spec });
  await create("/apis/networking.k8s.io/v1beta1/servicecidrs", range);
  const stable = await read("/apis/networking.k8s.io/v1/servicecidrs/extra");
  assert.deepEqual([stable.apiVersion, stable.spec], ["networking.k8s.io/v1", spec]);
  const patched = await send<Json>(
    server,
    "PATCH",
    "/apis/networking.k8s.io/v1beta1/servicecidrs/extra?fieldManager=m",
    named("networking.k8s.io/v1beta1", "ServiceCIDR", "extra", { metadata: { name: "extra", labels: { a: "b" } } }),
    { headers: { "content-type": "application/apply-patch+yaml" } },
  );
  assert.deepEqual([patched.status, patched.json.apiVersion], [200, "networking.k8s.io/v1beta1"], patched.text);
  const managers = (patched.json.metadata as { managedFields: { apiVersion: string }[] }).managedFields;
  assert.deepEqual([...new Set(managers.map(({ apiVersion }) => apiVersion))], ["networking.k8s.io/v1beta1"]);
});

test("trust bundles are held to their signer's name and to what PEM holds", async () => {
  const path = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles";
  const bundle = (name: string, spec: object) =>
    named("certificates.k8s.io/v1beta1", "ClusterTrustBundle", name, { spec });
  const wrongName = bundle("x", { signerName: "example.com/a", trustBundle: "" });
  assert.match(await refusal("POST", path, wrongName), /must be named with prefix example\.com:a:/);
  const nothing = bundle("x", { trustBundle: "" });
  assert.match(await refusal("POST", path, nothing), /at least one trust anchor must be provided/);
});

test("candidates, migrations, groups of pods and taints of devices are validated", async () => {
  const candidate = named("coordination.k8s.io/v1alpha2", "LeaseCandidate", "c", {
    spec: { leaseName: "l", binaryVersion: "1.36.0", emulationVersion: "1.37.0", strategy: "OldestEmulationVersion" },
  });
  const candidates = "/apis/coordination.k8s.io/v1alpha2/namespaces/default/leasecandidates";
  assert.match(await refusal("POST", candidates, candidate), /must be greater than or equal to `emulationVersion`/);
  const migration = named("storagemigration.k8s.io/v1beta1", "StorageVersionMigration", "m", {
    spec: { resource: { resource: "" } },
  });
  const migrations = "/apis/storagemigration.k8s.io/v1beta1/storageversionmigrations";
  assert.match(await refusal("POST", migrations, migration), /spec\.resource\.resource: Required value/);
  const groups = "/apis/scheduling.k8s.io/v1alpha2/namespaces/default/podgroups";
  const group = named("scheduling.k8s.io/v1alpha2", "PodGroup", "g", {
    spec: { schedulingPolicy: { gang: { minCount: 2 } }, priority: 5 },
  });
  const made = await create(groups, group);
  // A field of a feature that is off.
  assert.deepEqual(made.spec, { schedulingPolicy: { gang: { minCount: 2 } } });
  const changed = { ...made, spec: { schedulingPolicy: { basic: {} } } };
  assert.match(
    await refusal("PUT", `${groups}/g`, changed),
    /spec\.schedulingPolicy: Invalid value: .*field is immutable/,
  );
  const rules = "/apis/resource.k8s.io/v1alpha3/devicetaintrules";
  const rule = named("resource.k8s.io/v1alpha3", "DeviceTaintRule", "r", {
    spec: { taint: { key: "a", effect: "NoExecute" } },
  });
  assert.match(
    String((await create(rules, rule)).spec["taint"] && JSON.stringify(await read(`${rules}/r`))),
    /timeAdded/,
  );
  assert.equal((await read("/apis/resource.k8s.io/v1beta2/devicetaintrules/r")).apiVersion, "resource.k8s.io/v1beta2");
});
