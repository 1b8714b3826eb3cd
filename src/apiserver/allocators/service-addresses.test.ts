import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Service } from "../../api/types/core.v1.ts";
import type { Status } from "../../api/types/meta.v1.ts";
import { memoryStore } from "../../store/memory.ts";
import { send, testServer } from "../server.fixture.ts";
import type { ApiServer } from "../server.ts";

const store = memoryStore();
const OPTIONS = { store, serviceClusterIpRanges: ["10.96.0.0/28"], serviceNodePortRange: "30000-30009" };
let server: ApiServer;
before(() => {
  server = testServer(OPTIONS);
  return server.ready;
});
after(() => server.close(0));

const SERVICES = "/api/v1/namespaces/default/services";
type Body = Service & Status & { spec: NonNullable<Service["spec"]> };
const call = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown) =>
  send<Body>(server, method, path, body);
const create = (name: string, spec: object) =>
  call("POST", SERVICES, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });

test("a Service gets an address, and families to go with it", async () => {
  const { json } = await create("plain", {});
  assert.match(json.spec.clusterIP!, /^10\.96\.0\.(\d|1[0-4])$/);
  assert.deepEqual(json.spec.clusterIPs, [json.spec.clusterIP]);
  assert.deepEqual([json.spec.ipFamilies, json.spec.ipFamilyPolicy], [["IPv4"], "SingleStack"]);
  const headless = await create("headless", { clusterIP: "None" });
  assert.deepEqual([headless.json.spec.clusterIPs, headless.json.spec.ipFamilies], [["None"], ["IPv4", "IPv6"]]);
  const external = await create("external", { type: "ExternalName", externalName: "example.com" });
  assert.deepEqual([external.json.spec.clusterIP, external.json.spec.ipFamilies], [undefined, undefined]);
});

test("a chosen address must be free and in the range", async () => {
  // It may have been given either of those that are chosen here.
  await call("DELETE", `${SERVICES}/plain`);
  const chosen = await create("chosen", { clusterIP: "10.96.0.10" });
  assert.equal(chosen.json.spec.clusterIP, "10.96.0.10");
  const taken = await create("taken", { clusterIP: "10.96.0.10" });
  assert.equal(taken.status, 422);
  assert.equal(
    taken.json.message,
    'Service "taken" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
  );
  const outside = await create("outside", { clusterIP: "10.97.0.1" });
  assert.match(
    outside.json.message!,
    /failed to allocate IP 10\.97\.0\.1: the provided network does not match the current range$/,
  );
  const dual = await create("dual", { ipFamilyPolicy: "RequireDualStack" });
  assert.match(dual.json.message!, /this cluster is not configured for dual-stack services/);
  const dry = await call("POST", `${SERVICES}?dryRun=All`, {
    metadata: { name: "dry" },
    spec: { ports: [{ port: 1 }], clusterIP: "10.96.0.11" },
  });
  assert.equal(dry.status, 201);
  assert.equal((await create("wet", { clusterIP: "10.96.0.11" })).status, 201);
});

test("an address is free again when its Service is gone", async () => {
  await call("DELETE", `${SERVICES}/chosen`);
  assert.equal((await create("heir", { clusterIP: "10.96.0.10" })).status, 201);
});

test("node ports come and go with the type", async () => {
  const { json } = await create("ports", {
    type: "NodePort",
    ports: [
      { name: "a", port: 80, nodePort: 30005 },
      { name: "b", port: 53, protocol: "UDP" },
      { name: "c", port: 53, protocol: "TCP" },
    ],
  });
  const [a, b, c] = json.spec.ports!;
  assert.equal(a?.nodePort, 30005);
  assert.ok(b?.nodePort && b.nodePort === c?.nodePort, "one number for both protocols");
  const taken = await create("other", { type: "NodePort", ports: [{ port: 80, nodePort: 30005 }] });
  assert.match(
    taken.json.message!,
    /spec\.ports\[0\]\.nodePort: Invalid value: 30005: provided port is already allocated/,
  );
  const outside = await create("other", { type: "NodePort", ports: [{ port: 80, nodePort: 80 }] });
  assert.match(outside.json.message!, /The range of valid ports is 30000-30009/);

  const carried = await call("PUT", `${SERVICES}/ports`, {
    metadata: { name: "ports" },
    spec: { type: "NodePort", ports: [{ name: "a", port: 80 }] },
  });
  assert.equal(carried.json.spec.ports?.[0]?.nodePort, 30005);
  assert.equal(carried.json.spec.clusterIP, json.spec.clusterIP);
  const patched = await send<Body>(
    server,
    "PATCH",
    `${SERVICES}/ports`,
    { spec: { type: "ClusterIP" } },
    {
      headers: { "content-type": "application/merge-patch+json" },
    },
  );
  assert.equal(patched.json.spec.ports?.[0]?.nodePort, undefined);
  const next = await create("other", { type: "NodePort", ports: [{ port: 80, nodePort: 30005 }] });
  assert.equal(next.status, 201);
});

test("a range that is full says so, and takes nothing", async () => {
  const names: string[] = [];
  for (let index = 0; ; index++) {
    const name = `filler-${index}`;
    const { status, json } = await create(name, {});
    if (status !== 201) {
      assert.equal(json.message, "Internal error occurred: failed to allocate a serviceIP: range is full");
      break;
    }
    names.push(name);
  }
  assert.ok(names.length > 0);
  for (const name of names) await call("DELETE", `${SERVICES}/${name}`);
});

test("a new server knows what the stored Services have", async () => {
  const second = testServer(OPTIONS);
  const taken = await send<Body>(second, "POST", SERVICES, {
    metadata: { name: "late" },
    spec: { ports: [{ port: 80 }], clusterIP: "10.96.0.10" },
  });
  assert.match(taken.json.message!, /provided IP is already allocated/);
  await second.close(0);
});
