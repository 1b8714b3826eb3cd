/** Several API servers on one real etcd: they agree, also after etcd was killed, and leave what upstream could read. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { KubeObject } from "../../src/api/object.ts";
import { configMaps, endpointSlices, endpoints, events, leases, pods, services } from "../../src/api/resource-types.ts";
import type { Status } from "../../src/api/types/meta.v1.ts";
import { adminClient, send, testServer } from "../../src/apiserver/server.fixture.ts";
import type { ApiServer, ApiServerOptions } from "../../src/apiserver/server.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemMachine } from "../../src/base/machine.ts";
import { etcdStore } from "../../src/store/etcd/etcd-store.ts";
import { type Store, StoreUnavailableError } from "../../src/store/store.ts";
import { eventually } from "../e2e/cluster.fixture.ts";
import { type Etcd, startEtcd, withoutEtcd } from "./etcd.fixture.ts";

const { clock, random } = systemMachine({ keepAlive: true });
/** Pods need no ServiceAccount then, which a controller would have to make. */
const WITHOUT_ACCOUNTS = { admissionPlugins: { disable: ["ServiceAccount"] } };
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";

describe("API servers on one etcd", { skip: withoutEtcd }, () => {
  let etcd: Etcd;
  const open: { server: ApiServer; store: Store }[] = [];
  async function server(prefix: string, options: Partial<ApiServerOptions> = {}) {
    const store = await etcd.store(prefix, { root: "/registry" });
    const started = { store, server: testServer({ ...options, clock, store }) };
    open.push(started);
    return started;
  }
  before(async () => {
    etcd = await startEtcd();
  });
  after(async () => {
    for (const { server, store } of open) {
      await server.close(0);
      await store.close();
    }
    await etcd?.dispose();
  });

  test("two that start at once on an empty etcd make one cluster, and see each other's writes at once", async () => {
    const address = (n: number) => ({ address: `10.1.1.${n}`, port: 6443 });
    const options = (n: number) => ({
      advertise: address(n),
      externalAddress: `10.1.1.${n}:6443`,
      hostname: `host-${n}`,
    });
    const [a, b] = await Promise.all([server("/agree", options(1)), server("/agree", options(2))]);
    await Promise.all([a.server.ready, b.server.ready]);
    const [clientA, clientB] = [adminClient(a.server), adminClient(b.server)];

    const stop = new AbortController();
    const seen: string[] = [];
    // From before the first write on.
    const { metadata } = await clientB.resource(configMaps).list({ namespace: "default" });
    const watching = (async () => {
      const options = { namespace: "default", resourceVersion: metadata?.resourceVersion ?? "", signal: stop.signal };
      for await (const event of clientB.resource(configMaps).watch(options)) {
        seen.push(`${event.type} ${(event.object as KubeObject).metadata?.name}`);
      }
    })().catch(() => {});
    for (let index = 0; index < 20; index++) {
      const name = `made-${index}`;
      await clientA.resource(configMaps).create({ metadata: { name, namespace: "default" } });
      const { items } = await clientB.resource(configMaps).list({ namespace: "default" });
      assert.ok(
        items.some(({ metadata }) => metadata?.name === name),
        `${name} is not in the list of the other server`,
      );
      await clientB.resource(configMaps).delete(name, "default");
      await assert.rejects(clientA.resource(configMaps).get(name, "default"), /not found/);
    }
    await eventually("all events", async () => seen.filter((line) => line.startsWith("DELETED")).length >= 20);
    stop.abort();
    await watching;
    const made = seen.filter((line) => line.includes(" made-"));
    assert.deepEqual(made, Array.from({ length: 20 }, (_, i) => [`ADDED made-${i}`, `DELETED made-${i}`]).flat());

    const identities = await clientA
      .resource(leases)
      .list({ namespace: "kube-system", labelSelector: "apiserver.kubernetes.io/identity=kube-apiserver" });
    assert.deepEqual(identities.items.map(({ metadata }) => metadata?.labels?.["kubernetes.io/hostname"]).sort(), [
      "host-1",
      "host-2",
    ]);
    const masters = async () => {
      const { subsets } = await clientB.resource(endpoints).get("kubernetes", "default");
      const slice = await clientB.resource(endpointSlices).get("kubernetes", "default");
      const addresses = subsets?.[0]?.addresses?.map(({ ip }) => ip);
      assert.deepEqual(
        slice.endpoints?.flatMap(({ addresses }) => addresses),
        addresses,
      );
      return addresses?.join(" ");
    };
    await eventually("both servers as endpoints", async () => (await masters()) === "10.1.1.1 10.1.1.2", 20_000);
    await a.server.close();
    assert.equal(await masters(), "10.1.1.2");
    const both = await clientB.resource(services).get("kubernetes", "default");
    assert.equal(both.spec?.clusterIP, "10.96.0.1");
  });

  test("caches and watches go on where they were when etcd is killed and comes back", async () => {
    const [a, b] = await Promise.all([server("/restart"), server("/restart")]);
    await Promise.all([a.server.ready, b.server.ready]);
    const [clientA, clientB] = [adminClient(a.server), adminClient(b.server)];
    const write = (name: string) => clientA.resource(configMaps).create({ metadata: { name, namespace: "default" } });
    await write("before");
    const { metadata } = await clientB.resource(configMaps).list({ namespace: "default" });
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      const options = { namespace: "default", resourceVersion: metadata?.resourceVersion ?? "", signal: stop.signal };
      for await (const event of clientB.resource(configMaps).watch(options)) {
        seen.push(`${event.type} ${(event.object as KubeObject).metadata?.name}`);
      }
    })().catch(() => {});
    for (let round = 0; round < 2; round++) {
      await etcd.stop("SIGKILL");
      await etcd.start();
      await write(`after-${round}`);
      const { items } = await clientB.resource(configMaps).list({ namespace: "default" });
      assert.ok(items.some((item) => item.metadata?.name === `after-${round}`));
    }
    await eventually("the events", async () => seen.includes("ADDED after-1"));
    stop.abort();
    await watching;
    assert.deepEqual(
      seen.filter((line) => line.includes("after")),
      ["ADDED after-0", "ADDED after-1"],
    );
  });

  test("history that etcd has dropped is told of as expired, and read anew", async () => {
    const { server: one, store } = await server("/compacted");
    await one.ready;
    const create = (name: string) => send<Status>(one, "POST", CONFIG_MAPS, { metadata: { name } });
    const old = (await create("a")).json.metadata?.resourceVersion;
    await create("b");
    await store.compact(await store.revision());
    const list = await send<Status>(one, "GET", `${CONFIG_MAPS}?resourceVersion=${old}&resourceVersionMatch=Exact`);
    assert.deepEqual([list.status, list.json.reason], [410, "Expired"]);
    // A server that has nothing in its memory yet.
    const { server: other } = await server("/compacted");
    await other.ready;
    const watch = await send(other, "GET", `${CONFIG_MAPS}?watch=1&resourceVersion=${old}&timeoutSeconds=1`);
    assert.match(watch.text, /"code":410/);
    assert.equal((await send<{ items: [] }>(other, "GET", CONFIG_MAPS)).json.items.length, 2);
  });

  test("events go by etcd's leases", async () => {
    const { server: one, store } = await server("/events", { eventTtlMs: 1000 });
    await one.ready;
    const client = adminClient(one);
    await client.resource(events).create({
      metadata: { name: "short", namespace: "default" },
      involvedObject: { kind: "Pod", namespace: "default", name: "a" },
      reason: "Test",
    });
    await eventually("the event's end", async () => (await store.count("/registry/events/")) === 0);
    await eventually("its end in the cache", async () => (await client.resource(events).list()).items.length === 0);
  });

  test("an object that is too large for etcd is refused in etcd's words, and changes nothing", async () => {
    const { server: one } = await server("/large", WITHOUT_ACCOUNTS);
    await one.ready;
    const data = { x: "y".repeat(1_000_000), z: "y".repeat(900_000) };
    const refused = await send<Status>(one, "POST", "/api/v1/namespaces/default/pods", {
      metadata: { name: "large", annotations: {} },
      spec: {
        containers: [{ name: "c", image: "i", env: Object.entries(data).map(([name, value]) => ({ name, value })) }],
      },
    });
    assert.deepEqual([refused.status, refused.json.message], [500, "etcdserver: request is too large"]);
    assert.equal((await adminClient(one).resource(pods).list()).items.length, 0);
  });

  test("keys and values are upstream's", async () => {
    const { server: one } = await server("/upstream", WITHOUT_ACCOUNTS);
    await one.ready;
    const client = adminClient(one);
    await client.resource(pods).create({
      metadata: { name: "web", namespace: "default" },
      spec: { containers: [{ name: "c", image: "i" }] },
    });
    await client.resource(services).create({
      metadata: { name: "ports", namespace: "default" },
      spec: { type: "NodePort", ports: [{ port: 80 }] },
    });
    const path = (name: string) => join(etcd.directory, name);
    const get = async (...args: string[]) => {
      const flags = [`--endpoints=${etcd.endpoint}`, `--cacert=${path("ca.crt")}`];
      flags.push(`--cert=${path("client.crt")}`, `--key=${path("client.key")}`);
      const run = promisify(execFile);
      return (await run("etcdctl", [...flags, "get", ...args], { env: { ...process.env, ETCDCTL_API: "3" } })).stdout;
    };
    const pod = JSON.parse(await get("/upstream/pods/default/web", "--print-value-only"));
    assert.deepEqual([pod.kind, pod.apiVersion, pod.metadata.name], ["Pod", "v1", "web"]);
    assert.equal(pod.metadata.resourceVersion, undefined);
    const { header, kvs } = JSON.parse(await get("/upstream/pods/default/web", "--write-out=json"));
    const { metadata } = await client.resource(pods).get("web", "default");
    assert.equal(metadata?.resourceVersion, String(kvs[0].mod_revision));
    assert.ok(header.revision >= kvs[0].mod_revision);
    const keys = await get("/upstream/", "--prefix", "--keys-only");
    for (const key of [
      "/upstream/namespaces/default",
      "/upstream/clusterroles/cluster-admin",
      "/upstream/ranges/servicenodeports",
      "/upstream/servicecidrs/kubernetes",
      "/upstream/priorityclasses/system-node-critical",
      "/upstream/services/specs/default/ports",
      "/upstream/pods/default/web",
    ]) {
      assert.ok(keys.includes(`${key}\n`), `${key} is not among\n${keys}`);
    }
  });

  test("who is not let in is told so at the start", async () => {
    const options = { clock, random, logger: silentLogger, root: "/registry", prefix: "/registry" };
    const endpoints = [etcd.endpoint];
    const timeout = { requestTimeoutMs: 1500 };
    await assert.rejects(
      etcdStore({ ...options, endpoints, tls: { ca: etcd.tls.ca }, ...timeout }),
      (error) =>
        error instanceof StoreUnavailableError && /certificate|handshake|alert|connection/i.test(error.message),
    );
    await assert.rejects(
      etcdStore({ ...options, endpoints, tls: { certificate: etcd.tls.certificate, key: etcd.tls.key }, ...timeout }),
      /certificate|signature|self-signed|unable to/i,
    );
    await assert.rejects(
      etcdStore({ ...options, endpoints: ["http://127.0.0.1:1"], ...timeout }),
      /etcd at http:\/\/127\.0\.0\.1:1 is unavailable: .*ECONNREFUSED/,
    );
  });

  test("another member is asked where one does not answer", async () => {
    const store = await etcdStore({
      clock,
      random,
      logger: silentLogger,
      root: "/registry",
      prefix: "/failover",
      endpoints: ["https://127.0.0.1:1", etcd.endpoint],
      tls: etcd.tls,
    });
    const { swapped } = await store.compareAndSwap("/registry/a", 0, Buffer.from("1"));
    assert.ok(swapped);
    assert.match((await store.status()).backend, new RegExp(`at ${etcd.endpoint}$`));
    await assert.rejects(store.compareAndSwap("/elsewhere/a", 0, Buffer.from("1")), RangeError);
    await store.close();
  });
});
