import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import type { Deployment } from "../api/types/apps.v1.ts";
import type { CronJob } from "../api/types/batch.v1.ts";
import type { Pod } from "../api/types/core.v1.ts";
import { systemClock } from "../base/clock.ts";
import { systemNetwork } from "../base/network.ts";
import { client } from "../client/api-client.ts";
import { httpsTransport } from "../client/https-transport.ts";
import { UnknownKindError } from "../client/object-client.ts";
import { POD_ANNOTATIONS } from "../simulator/stages/pod.ts";
import { ClusterUseError } from "./errors.ts";
import { type Cluster, startCluster } from "./test-cluster.ts";

const deployment = (name: string, replicas: number, annotations: Record<string, string> = {}): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name }, annotations }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
});
const podsOf = async (cluster: Cluster): Promise<Pod[]> =>
  (await cluster.client.list({ apiVersion: "v1", kind: "Pod" })).items;
const available = async (cluster: Cluster, name: string) =>
  (await cluster.client.get({ apiVersion: "apps/v1", kind: "Deployment", name })).status?.availableReplicas ?? 0;
const nodeReady = async (cluster: Cluster, name: string) =>
  (await cluster.client.get({ apiVersion: "v1", kind: "Node", name })).status?.conditions?.find(
    ({ type }) => type === "Ready",
  )?.status;

test("a Deployment comes up on the nodes, without the clock being more than needed", async () => {
  await using cluster = await startCluster({ nodes: 3, seed: 1 });
  const began = cluster.clock.now();
  await cluster.client.create(deployment("web", 6));
  await cluster.settled();
  assert.equal(await available(cluster, "web"), 6);
  const pods = await podsOf(cluster);
  for (const { spec } of pods) assert.match(spec?.nodeName ?? "", /^node-[123]$/);
  assert.ok(new Set(pods.map(({ spec }) => spec?.nodeName)).size > 1, "spread over the nodes");
  assert.equal(new Set(pods.map(({ status }) => status?.podIP)).size, 6);
  assert.equal(cluster.clock.now() - began, 10_000);
});

test("time moves as far as it is told: a CronJob fires every hour", async () => {
  await using cluster = await startCluster();
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };
  const cronJob: CronJob = {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "hourly" },
    spec: { schedule: "0 * * * *", successfulJobsHistoryLimit: 10, jobTemplate: { spec: { template } } },
  };
  await cluster.client.create(cronJob);
  await cluster.clock.advance("2h30m");
  const { items } = await cluster.client.list({ apiVersion: "batch/v1", kind: "Job" });
  assert.equal(items.length, 2);
  assert.ok(items.every(({ status }) => status?.succeeded === 1));
});

test("a node that falls silent becomes NotReady, its pods go elsewhere, and it may come back", async () => {
  await using cluster = await startCluster({ nodes: 2 });
  await cluster.client.create(deployment("web", 4));
  await cluster.settled();
  cluster.stopNode("node-1");
  await cluster.clock.advance("2m");
  assert.equal(await nodeReady(cluster, "node-1"), "Unknown");
  await cluster.clock.advance("10m");
  const alive = (await podsOf(cluster)).filter(({ metadata }) => !metadata?.deletionTimestamp);
  assert.deepEqual(new Set(alive.map(({ spec }) => spec?.nodeName)), new Set(["node-2"]));
  assert.equal(alive.length, 4);
  cluster.startNode("node-1");
  await cluster.settled();
  assert.equal(await nodeReady(cluster, "node-1"), "True");
  // What was to be deleted there is deleted now.
  assert.equal((await podsOf(cluster)).length, 4);
});

test("annotations make pods crash, fail and wait for images", async () => {
  await using cluster = await startCluster({ lives: "realistic" });
  await cluster.client.create(
    deployment("crashing", 1, { [POD_ANNOTATIONS.runFor]: "5s", [POD_ANNOTATIONS.exitCode]: "3" }),
  );
  await cluster.client.create(deployment("unpullable", 1, { [POD_ANNOTATIONS.imagePull]: "fail" }));
  await cluster.clock.advance("30m");
  const pods = await podsOf(cluster);
  const [status] = pods.find(({ metadata }) => metadata?.labels?.app === "crashing")!.status!.containerStatuses!;
  // 5 s each, and the back-off of 10, 20, 40, 80, 160, 300, 300 … s between them.
  assert.equal(status!.restartCount, 10);
  assert.equal(status!.lastState?.terminated?.exitCode, 3);
  const stuck = pods.find(({ metadata }) => metadata?.labels?.app === "unpullable")!;
  assert.equal(stuck.status?.phase, "Pending");
  assert.equal(stuck.status?.containerStatuses?.[0]?.state?.waiting?.reason, "ImagePullBackOff");
});

test("faults are met and overcome", async () => {
  await using cluster = await startCluster({ nodes: 2, seed: 7 });
  const { faults } = cluster;
  const refused = faults.fail({ verb: "create", resource: "pods", caller: /replicaset/ }, { times: 3 });
  const lost = faults.drop({ verb: "create", resource: "pods" }, { when: "after", probability: 0.3, times: 4 });
  faults.delay({ resource: "replicasets" }, "2s", { times: 5, jitter: "1s" });
  await cluster.client.create(deployment("web", 10));
  await cluster.clock.advance("10s");
  assert.ok(faults.cutWatches({ caller: /controller-manager/ }) > 10);
  await faults.expireHistory();
  await cluster.crash("kube-controller-manager");
  await cluster.crash("kube-scheduler");
  await cluster.crash("kube-apiserver");
  await cluster.clock.advance("20m");
  assert.equal(await available(cluster, "web"), 10);
  assert.equal((await podsOf(cluster)).length, 10);
  assert.equal(refused.met, 3);
  assert.equal(lost.met, 4);
});

/** Everything that a cluster came to hold, by key. */
async function history(seed: number): Promise<string[]> {
  await using cluster = await startCluster({ nodes: 3, seed, lives: "realistic" });
  cluster.faults.fail({ verb: "patch", resource: "pods" }, { probability: 0.2 });
  await cluster.client.create(deployment("web", 5));
  await cluster.clock.advance("2m");
  await cluster.client.patch({ apiVersion: "apps/v1", kind: "Deployment", name: "web" }, "merge", {
    spec: { replicas: 2 },
  });
  await cluster.clock.advance("5m");
  return [...(await podsOf(cluster)), ...(await cluster.client.list({ apiVersion: "v1", kind: "Event" })).items].map(
    (object) => JSON.stringify(object),
  );
}

test("the same seed gives the same run, another one another", async () => {
  const first = await history(42);
  assert.deepEqual(await history(42), first);
  assert.notDeepEqual(await history(43), first);
});

test("several clusters live beside each other, each with its own time", async () => {
  const clusters = await Promise.all([1, 2, 3].map((seed) => startCluster({ seed })));
  await Promise.all(clusters.map((cluster, index) => cluster.client.create(deployment(`web-${index}`, index + 1))));
  await clusters[1]!.clock.advance("1h");
  await Promise.all(clusters.map((cluster) => cluster.settled()));
  const counts = await Promise.all(clusters.map(async (cluster) => (await podsOf(cluster)).length));
  assert.deepEqual(counts, [1, 2, 3]);
  assert.equal(clusters[1]!.clock.now() - clusters[0]!.clock.now(), 3_600_000);
  await Promise.all(clusters.map((cluster) => cluster.dispose()));
});

test("custom kinds are known once their definition is there", async () => {
  await using cluster = await startCluster({ nodes: 0 });
  const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 3 } };
  await assert.rejects(cluster.client.create(widget), UnknownKindError);
  const versions = [
    {
      name: "v1",
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    },
  ];
  await cluster.client.create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.com" },
    spec: { group: "example.com", scope: "Namespaced", names: { plural: "widgets", kind: "Widget" }, versions },
  });
  await cluster.settled();
  await cluster.client.create(widget);
  const found = await cluster.client.get({ apiVersion: "example.com/v1", kind: "Widget", name: "w" });
  assert.deepEqual(found.spec, { size: 3 });
});

test("other programs reach it over TLS, with a kubeconfig", async () => {
  await using cluster = await startCluster({ clock: "real" });
  const config = parse(await cluster.kubeconfig());
  const decode = (text: string) => Buffer.from(text, "base64");
  const user = config.users[0].user;
  const transport = httpsTransport({
    server: config.clusters[0].cluster.server,
    ca: decode(config.clusters[0].cluster["certificate-authority-data"]),
    certificate: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
    network: systemNetwork,
    clock: systemClock(),
  });
  const review = await client(transport).raw<{ status: { userInfo: { username: string } } }>(
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    { method: "POST", body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" } },
  );
  assert.equal(review.status.userInfo.username, "kubernetes-admin");
  await cluster.crash("kube-apiserver");
  assert.equal((await client(transport).raw<{ major: string }>("/version")).major, "1");
  await transport.close();
});

test("wrong use is a typed error that says what to do", async () => {
  const reason = (expected: ClusterUseError["reason"], message: RegExp) => (error: unknown) =>
    error instanceof ClusterUseError && error.reason === expected && message.test(error.message);
  await assert.rejects(startCluster({ nodes: -1 }), reason("option", /whole number/));
  await assert.rejects(startCluster({ node: 1 } as never), reason("option", /no option node: the options are/));
  await assert.rejects(startCluster({ clock: "fast" as never }), reason("option", /"virtual" or "real"/));
  await assert.rejects(startCluster({ startTime: "yesterday" }), reason("option", /RFC 3339/));
  await assert.rejects(startCluster({ seed: 1.5 }), reason("option", /seed/));
  await assert.rejects(startCluster({ controllers: ["nonsense"] }), /not in the list of known controllers/);
  const cluster = await startCluster({ nodes: 0 });
  await assert.rejects(cluster.clock.advance(-1), reason("time", /from zero on/));
  await assert.rejects(cluster.clock.advance("soon"), reason("time", /"2h"/));
  await assert.rejects(cluster.kill("kubelet" as never), /not running/);
  await cluster.dispose();
  await cluster.dispose();
  assert.throws(() => cluster.client.list, reason("disposed", /start another one/));
  await assert.rejects(cluster.clock.advance("1s"), reason("disposed", /start another one/));
});
