/**
 * One cluster after another, each with a seed of its own, through a quarter of an hour (every tenth: two days) in which
 * things go wrong; then time to recover, and the invariants. KNARR_SEEDS says how many seeds (default 24), KNARR_SEED
 * replays the one that failed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/api/object.ts";
import { deployments, jobs, pods, statefulSets } from "../../src/api/resource-types.ts";
import type { Pod } from "../../src/api/types/core.v1.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { type Cluster, startCluster } from "../../src/testing/index.ts";

const first = Number(process.env.KNARR_SEED ?? 1);
const count = process.env.KNARR_SEED ? 1 : Number(process.env.KNARR_SEEDS ?? 24);
const NODES = 4;
const MINUTE_MS = 60_000;

const template = (app: string) => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "i" }] },
});
const selector = (app: string) => ({ matchLabels: { app } });
const workloads = (): KubeObject[] => [
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: { replicas: 4, selector: selector("web"), template: template("web") },
  } as KubeObject,
  {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db" },
    spec: { replicas: 3, serviceName: "db", selector: selector("db"), template: template("db") },
  } as KubeObject,
  {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "sum" },
    spec: {
      completions: 6,
      parallelism: 3,
      backoffLimit: 1000,
      template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } },
    },
  } as KubeObject,
  {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "web" },
    spec: { minAvailable: 3, selector: selector("web") },
  } as KubeObject,
];

/** What may never be seen, looked for in every change of a pod. */
class PodHistory {
  readonly violations: string[] = [];
  readonly #last = new Map<string, Pod>();
  readonly #ordinals = new Map<string, string>();

  see(type: string, pod: Pod): void {
    const { uid = "", name = "" } = pod.metadata ?? {};
    const before = this.#last.get(uid);
    const phase = pod.status?.phase;
    const ended = before?.status?.phase === "Succeeded" || before?.status?.phase === "Failed";
    if (ended && phase !== before?.status?.phase)
      this.violations.push(`${name} (${uid}) lives after its end: ${phase}`);
    const moved = before?.spec?.nodeName !== undefined && before.spec.nodeName !== pod.spec?.nodeName;
    if (moved) this.violations.push(`${name} (${uid}) moved from ${before?.spec?.nodeName} to ${pod.spec?.nodeName}`);
    this.#last.set(uid, pod);
    if (pod.metadata?.labels?.app !== "db") return;
    const other = this.#ordinals.get(name);
    if (other !== undefined && other !== uid) this.violations.push(`${name} is there twice: ${other} and ${uid}`);
    if (type === "DELETED") this.#ordinals.delete(name);
    else this.#ordinals.set(name, uid);
  }
}

/** Follows the pods past every fault, until the cluster is gone. */
async function follow(cluster: Cluster, history: PodHistory): Promise<void> {
  const client = cluster.clientAs({ name: "observer", groups: ["system:masters"] }).resource(pods);
  const { items, metadata } = await client.list();
  for (const pod of items) history.see("ADDED", pod);
  const watch = client.watch({ resourceVersion: metadata?.resourceVersion ?? "" });
  void (async () => {
    for await (const event of watch) {
      if (event.type === "ADDED" || event.type === "MODIFIED" || event.type === "DELETED") {
        history.see(event.type, event.object);
      }
    }
  })().catch(() => {});
}

/** One thing that goes wrong, or that somebody does. */
async function happening(cluster: Cluster, random: Random, acknowledged: Map<string, string>): Promise<void> {
  const { faults, client } = cluster;
  const draw = Math.floor(random.next() * 10);
  const node = `node-${1 + Math.floor(random.next() * NODES)}`;
  switch (draw) {
    case 0:
      faults.cutWatches({ caller: /controller|scheduler|kubelet/ });
      return;
    case 1:
      return cluster.crash("kube-controller-manager");
    case 2:
      return cluster.crash("kube-scheduler");
    case 3:
      cluster.stopNode(node);
      return;
    case 4:
      cluster.startNode(node);
      return;
    case 5:
      faults.fail({ caller: /controller|scheduler|kubelet/ }, { times: 20, probability: 0.5, code: 500 });
      return;
    case 6:
      faults.drop(
        { caller: /controller|scheduler|kubelet/, verb: ["create", "patch", "update"] },
        { times: 10, when: "after" },
      );
      return;
    case 7:
      faults.delay({ caller: /controller|scheduler|kubelet/ }, "500ms", { times: 30, jitter: "5s" });
      return;
    case 8: {
      const replicas = 3 + Math.floor(random.next() * 4);
      const web = { apiVersion: "apps/v1", kind: "Deployment", name: "web" } as const;
      await client.patch(web, "merge", { spec: { replicas } });
      return;
    }
    default: {
      const name = `note-${Math.floor(random.next() * 5)}`;
      const text = String(random.next());
      const note = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data: { text } };
      await client.apply(note, { fieldManager: "test", force: true });
      acknowledged.set(name, text);
    }
  }
}

async function live(seed: number): Promise<void> {
  const random = seededRandom(seed);
  await using cluster = await startCluster({ nodes: NODES, seed, lives: "realistic" });
  const { client } = cluster;
  const history = new PodHistory();
  await follow(cluster, history);
  for (const object of workloads()) await client.create(object);
  const acknowledged = new Map<string, string>();
  const longMs = seed % 10 === 0 ? 48 * 60 * MINUTE_MS : 0;
  for (let minute = 0; minute < 15; minute++) {
    await happening(cluster, random, acknowledged);
    await cluster.clock.advance(MINUTE_MS * (0.5 + random.next()) + longMs / 15);
  }
  cluster.faults.clear();
  for (let node = 1; node <= NODES; node++) cluster.startNode(`node-${node}`);
  await cluster.clock.advance("25m");

  assert.deepEqual(history.violations, []);
  const web = await client.resource(deployments).get("web", "default");
  assert.equal(web.status?.availableReplicas, web.spec?.replicas, "the Deployment is as large as it should be");
  const db = await client.resource(statefulSets).get("db", "default");
  assert.equal(db.status?.readyReplicas, 3, "the StatefulSet is whole");
  const sum = await client.resource(jobs).get("sum", "default");
  assert.ok((sum.status?.succeeded ?? 0) >= 6, `the Job is done: ${JSON.stringify(sum.status)}`);
  const { items } = await client.resource(pods).list({ namespace: "default" });
  const running = items.filter(({ metadata, status }) => !metadata?.deletionTimestamp && status?.phase === "Running");
  assert.equal(running.length, (web.spec?.replicas ?? 0) + 3, "nothing runs that nobody asked for");
  for (const [name, text] of acknowledged) {
    const note = await client.get({ apiVersion: "v1", kind: "ConfigMap", name });
    assert.equal(note.data?.text, text, "what was acknowledged is there");
  }
}

test(`${count} seeds from ${first} on`, async (t) => {
  for (let seed = first; seed < first + count; seed++) {
    try {
      await live(seed);
    } catch (error) {
      t.diagnostic(`seed ${seed} failed: replay it with KNARR_SEED=${seed}`);
      throw error;
    }
  }
});
