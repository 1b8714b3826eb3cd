import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cluster, startCluster } from "knarr/testing";
import { type Announcer, websiteController, websites } from "./website.ts";

/** Remembers what is announced. */
class Announcements implements Announcer {
  readonly sites = new Map<string, string>();
  failing = false;

  async announce(site: string, address: string): Promise<void> {
    if (this.failing) throw new Error("the DNS provider is away");
    this.sites.set(site, address);
  }

  async withdraw(site: string): Promise<void> {
    if (this.failing) throw new Error("the DNS provider is away");
    this.sites.delete(site);
  }
}

const site = (name: string, page = "<h1>Hello</h1>") => ({
  apiVersion: "examples.knarr.dev/v1",
  kind: "Website",
  metadata: { name, namespace: "default" },
  spec: { page },
});

async function prepared(announcer: Announcer): Promise<Cluster> {
  const cluster = await startCluster({ nodes: 2, seed: 5 });
  await cluster.client.create(websites.definition);
  await cluster.settled();
  await cluster.startManager([websiteController(announcer)]);
  return cluster;
}

test("a site gets its children, a status, and goes with all of them", async () => {
  const announcements = new Announcements();
  await using cluster = await prepared(announcements);
  const { client } = cluster;
  await client.create(site("home"));
  await cluster.settled();
  const { status } = await client.resource(websites).get("home", "default");
  assert.equal(status?.ready, 2);
  assert.equal(status?.address, announcements.sites.get("home"));

  const page = { spec: { page: "<h1>New</h1>", replicas: 4 } };
  await client.patch({ apiVersion: "examples.knarr.dev/v1", kind: "Website", name: "home" }, "merge", page);
  await cluster.settled();
  const map = await client.get({ apiVersion: "v1", kind: "ConfigMap", name: "home" });
  assert.deepEqual(map.data, { "index.html": "<h1>New</h1>" });
  assert.equal((await client.resource(websites).get("home", "default")).status?.ready, 4);

  await client.delete({ apiVersion: "v1", kind: "ConfigMap", name: "home" });
  await cluster.settled();
  assert.ok(await client.find({ apiVersion: "v1", kind: "ConfigMap", name: "home" }), "what is deleted comes back");

  announcements.failing = true;
  await client.delete({ apiVersion: "examples.knarr.dev/v1", kind: "Website", name: "home" });
  await cluster.clock.advance("1m");
  assert.ok(await client.resource(websites).get("home", "default"), "it stays while the finalizer can't be done");
  announcements.failing = false;
  await cluster.clock.advance("20m");
  assert.equal(announcements.sites.size, 0);
  assert.deepEqual((await client.resource(websites).list()).items, []);
  assert.deepEqual((await client.list({ apiVersion: "apps/v1", kind: "Deployment" })).items, []);
});

test("it gets there through lost requests, cut watches and crashes", async () => {
  const announcements = new Announcements();
  await using cluster = await prepared(announcements);
  cluster.faults.drop({}, { probability: 0.1, when: "after" });
  cluster.faults.fail(
    { verb: ["create", "patch", "update"] },
    { probability: 0.2, code: 503, reason: "ServiceUnavailable" },
  );
  for (const name of ["a", "b", "c"]) {
    await cluster
      .clientAs({ name: "admin", groups: ["system:masters"] })
      .apply(site(name), { fieldManager: "test" })
      .catch(() => {});
  }
  for (let minute = 0; minute < 10; minute++) {
    cluster.faults.cutWatches();
    await cluster.clock.advance("1m");
  }
  await cluster.crash("kube-controller-manager");
  cluster.faults.clear();
  for (const name of ["a", "b", "c"]) await cluster.client.apply(site(name), { fieldManager: "test" });
  await cluster.clock.advance("30m");
  const { items } = await cluster.client.resource(websites).list();
  assert.deepEqual(
    items.map(({ status }) => status?.ready),
    [2, 2, 2],
  );
  assert.equal(announcements.sites.size, 3);
});
