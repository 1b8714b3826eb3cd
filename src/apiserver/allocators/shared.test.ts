/** Several servers on one store, and the objects by which they share what Services have. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Event, Service } from "../../api/types/core.v1.ts";
import type { Status } from "../../api/types/meta.v1.ts";
import type { IPAddress, ServiceCIDR } from "../../api/types/networking.v1.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { memoryStore } from "../../store/memory.ts";
import type { Store } from "../../store/store.ts";
import { send, testServer } from "../server.fixture.ts";
import type { ApiServer, ApiServerOptions } from "../server.ts";

const servers: ApiServer[] = [];
after(() => Promise.all(servers.map((server) => server.close(0))));
async function start(options: Partial<ApiServerOptions>): Promise<ApiServer> {
  const server = testServer(options);
  servers.push(server);
  await server.ready;
  return server;
}

type Body = Service & Status & { spec: NonNullable<Service["spec"]> };
const SERVICES = "/api/v1/namespaces/default/services";
const IPS = "/apis/networking.k8s.io/v1/ipaddresses";
const CIDRS = "/apis/networking.k8s.io/v1/servicecidrs";
const create = (server: ApiServer, name: string, spec: object) =>
  send<Body>(server, "POST", SERVICES, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
const addresses = async (server: ApiServer) =>
  (await send<{ items: IPAddress[] }>(server, "GET", IPS)).json.items.map(
    ({ metadata, spec }) => `${metadata!.name} ${spec!.parentRef!.namespace}/${spec!.parentRef!.name}`,
  );

test("each address has an object that says whose it is, and goes with its Service", async () => {
  const server = await start({ serviceClusterIpRanges: ["10.96.0.0/28", "fd00::/112"] });
  const single = await create(server, "single", { clusterIP: "10.96.0.9" });
  assert.equal(single.status, 201);
  const dual = (await create(server, "dual", { ipFamilyPolicy: "RequireDualStack" })).json;
  assert.equal(dual.spec.clusterIPs?.length, 2);
  const expected = ["10.96.0.9 default/single", ...dual.spec.clusterIPs!.map((ip) => `${ip} default/dual`)];
  assert.deepEqual(await addresses(server), expected.sort());
  const { json } = await send<IPAddress>(server, "GET", `${IPS}/10.96.0.9`);
  assert.deepEqual(json.metadata?.labels, {
    "ipaddress.kubernetes.io/ip-family": "IPv4",
    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
  });
  const refused = await create(server, "refused", { clusterIP: "10.96.0.9", type: "NodePort" });
  assert.match(refused.json.message!, /failed to allocate IP 10\.96\.0\.9: provided IP is already allocated/);
  const invalid = await create(server, "invalid", { sessionAffinity: "nonsense" });
  assert.equal(invalid.status, 422);
  for (const name of ["single", "dual"]) await send(server, "DELETE", `${SERVICES}/${name}`);
  assert.deepEqual(await addresses(server), []);
});

test("a Service gains and loses its second family", async () => {
  const server = await start({ serviceClusterIpRanges: ["10.96.0.0/28", "fd00::/112"] });
  const { json } = await create(server, "web", {});
  assert.deepEqual([json.spec.ipFamilyPolicy, json.spec.ipFamilies], ["SingleStack", ["IPv4"]]);
  const patch = (spec: object) =>
    send<Body>(
      server,
      "PATCH",
      `${SERVICES}/web`,
      { spec },
      { headers: { "content-type": "application/merge-patch+json" } },
    );
  const up = (await patch({ ipFamilyPolicy: "PreferDualStack" })).json;
  assert.deepEqual(up.spec.ipFamilies, ["IPv4", "IPv6"]);
  assert.equal(up.spec.clusterIPs?.[0], json.spec.clusterIP);
  assert.equal((await addresses(server)).length, 2);
  const half = await patch({ clusterIPs: [json.spec.clusterIP] });
  assert.match(
    half.json.message!,
    /spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be 'SingleStack' to release the secondary cluster IP/,
  );
  const down = (await patch({ ipFamilyPolicy: "SingleStack" })).json;
  assert.deepEqual([down.spec.clusterIPs, down.spec.ipFamilies], [[json.spec.clusterIP], ["IPv4"]]);
  assert.deepEqual(await addresses(server), [`${json.spec.clusterIP} default/web`]);
  const two = await create(server, "two", { clusterIPs: ["10.96.0.10", "fd00::10"] });
  assert.match(
    two.json.message!,
    /must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified/,
  );
  const first6 = (await create(server, "v6", { clusterIPs: ["fd00::10"], ipFamilyPolicy: "PreferDualStack" })).json;
  assert.deepEqual(first6.spec.ipFamilies, ["IPv6", "IPv4"]);
});

test("further ranges are used once they are there, and no more when they are about to go", async () => {
  const server = await start({ serviceClusterIpRanges: ["10.96.0.0/28"] });
  const outside = await create(server, "early", { clusterIP: "10.97.0.1" });
  assert.match(outside.json.message!, /the provided network does not match the current range$/);
  const cidr: ServiceCIDR = {
    metadata: { name: "more", finalizers: ["example.com/x"] },
    spec: { cidrs: ["10.97.0.0/28"] },
  };
  assert.equal((await send(server, "POST", CIDRS, cidr)).status, 201);
  assert.equal((await create(server, "chosen", { clusterIP: "10.97.0.1" })).status, 201);
  const seen = new Set<string>();
  for (let index = 0; index < 27; index++) {
    const { json, status } = await create(server, `filler-${index}`, {});
    assert.equal(status, 201);
    seen.add(json.spec.clusterIP!);
  }
  assert.equal(seen.size, 27);
  const full = await create(server, "full", {});
  assert.equal(full.json.message, "Internal error occurred: failed to allocate a serviceIP: range is full");
  await send(server, "DELETE", `${CIDRS}/more`);
  await send(server, "DELETE", `${SERVICES}/chosen`);
  const gone = await create(server, "chosen", { clusterIP: "10.97.0.1" });
  assert.match(gone.json.message!, /the provided network does not match the current range$/);
});

test("two servers never give out the same address or port", async () => {
  const store = memoryStore();
  const options = { store, serviceClusterIpRanges: ["10.96.0.0/25"], serviceNodePortRange: "30000-30099" };
  const pair = await Promise.all([start(options), start(options)]);
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, index) => create(pair[index % 2]!, `s-${index}`, { type: "NodePort" })),
  );
  assert.ok(results.every(({ status }) => status === 201));
  assert.equal(new Set(results.map(({ json }) => json.spec.clusterIP)).size, 100);
  assert.equal(new Set(results.map(({ json }) => json.spec.ports?.[0]?.nodePort)).size, 100);
  const full = await create(pair[0]!, "full", { type: "NodePort" });
  const metrics = (await send(pair[0]!, "GET", "/metrics")).text;
  const counted = (line: RegExp) => Number(line.exec(metrics)?.[1]);
  assert.ok(counted(/clusterip_allocator_allocation_total\{cidr="10.96.0.0\/25",scope="dynamic"\} (\d+)/) >= 50);
  assert.equal(counted(/nodeport_allocator_allocation_total\{scope="dynamic"\} (\d+)/), 50);
  assert.equal(counted(/nodeport_allocator_allocation_errors_total\{scope="dynamic"\} (\d+)/), 1);
  assert.equal(full.json.message, "Internal error occurred: failed to allocate a nodePort: range is full");
  assert.equal((await addresses(pair[1]!)).length, 100);
  await send(pair[1]!, "DELETE", `${SERVICES}/s-7`);
  assert.equal((await create(pair[0]!, "heir", { type: "NodePort" })).status, 201);
  const bitmap = (await store.get("/registry/ranges/servicenodeports")).entry!;
  assert.equal(JSON.parse(Buffer.from(bitmap.value).toString()).range, "30000-30099");
});

test("what a crash leaves behind is put right: a missing address at the next start, a leaked one after a while", async () => {
  const store = memoryStore();
  const clock = virtualClock();
  const options = { store, clock, serviceClusterIpRanges: ["10.96.0.0/28"] };
  const first = await start(options);
  const { json } = await create(first, "web", { type: "NodePort", clusterIP: "10.96.0.5" });
  const port = json.spec.ports![0]!.nodePort!;
  const remove = async (key: string) => {
    const { entry } = await store.get(key);
    await store.compareAndSwap(key, entry!.modRevision, null);
  };
  // As if the address had been lost, and a Service's creation cut off after its address and port were taken.
  await create(first, "cut-off", { clusterIP: "10.96.0.13", type: "NodePort", ports: [{ port: 80, nodePort: 30007 }] });
  await first.close(0);
  await remove(`/registry/ipaddresses/${json.spec.clusterIP}`);
  await remove("/registry/services/specs/default/cut-off");

  const second = await start(options);
  assert.ok((await addresses(second)).includes(`${json.spec.clusterIP} default/web`));
  const taken = await create(second, "heir", { clusterIP: "10.96.0.13" });
  assert.equal(taken.status, 422);
  for (let round = 0; round < 5; round++) await settle(clock, 3 * 60_000);
  assert.ok(!(await addresses(second)).some((line) => line.startsWith("10.96.0.13 ")));
  assert.equal(
    (await create(second, "heir", { clusterIP: "10.96.0.13", type: "NodePort", ports: [{ port: 1, nodePort: 30007 }] }))
      .status,
    201,
  );
  assert.equal((await create(second, "thief", { type: "NodePort", ports: [{ port: 1, nodePort: port }] })).status, 422);
});

/** Moves time, and lets what it set off finish. */
async function settle(clock: ReturnType<typeof virtualClock>, ms: number): Promise<void> {
  await clock.advance(ms);
  for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

test("an address that somebody deletes comes back, before another Service gets it", async () => {
  const clock = virtualClock();
  const server = await start({ clock, serviceClusterIpRanges: ["10.96.0.0/28"] });
  const { json } = await create(server, "web", {});
  await send(server, "DELETE", `${IPS}/${json.spec.clusterIP}`);
  assert.deepEqual(await addresses(server), []);
  await settle(clock, 1_000);
  assert.deepEqual(await addresses(server), [`${json.spec.clusterIP} default/web`]);
  await settle(clock, 5_000);
  const { items } = (await send<{ items: Event[] }>(server, "GET", "/api/v1/namespaces/default/events")).json;
  assert.deepEqual(
    items.map(({ reason, message, involvedObject }) => [reason, message, involvedObject?.name]),
    [["ClusterIPNotAllocated", `Cluster IP [IPv4]: ${json.spec.clusterIP} is not allocated; repairing`, "web"]],
  );
});

test("a store that fails while it writes a Service does not free what the Service may have", async () => {
  const inner = memoryStore();
  let failing = false;
  const { StoreUnavailableError } = await import("../../store/store.ts");
  const store: Store = {
    ...inner,
    async compareAndSwap(key, expected, value, options) {
      const result = await inner.compareAndSwap(key, expected, value, options);
      if (failing && key.startsWith("/registry/services/specs/")) throw new StoreUnavailableError("lost");
      return result;
    },
  };
  const server = await start({ store, serviceClusterIpRanges: ["10.96.0.0/28"] });
  failing = true;
  assert.equal((await create(server, "maybe", { clusterIP: "10.96.0.9" })).status, 503);
  failing = false;
  assert.deepEqual(await addresses(server), ["10.96.0.9 default/maybe"]);
});
