import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes, persistentVolumeClaims, persistentVolumes, pods, storageClasses } from "../api/resource-types.ts";
import { conflict } from "../api/status-error.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { eventually, fakeClient } from "../client/fake-client.fixture.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { scheduler } from "./scheduler.ts";
import { node, pod } from "./scheduling.fixture.ts";

/** A scheduler over a fake API whose binding subresource works. */
async function start(options: { refuseBindings?: number } = {}) {
  const clock = virtualClock();
  const client = fakeClient({ clock });
  const random = seededRandom(1);
  const events: string[] = [];
  let refuse = options.refuseBindings ?? 0;
  client.intercept((action) => {
    if (action.subresource !== "binding") return;
    if (refuse-- > 0) throw conflict({ resource: "pods" }, action.name!, "no");
    const target = (action.body as { target: { name: string } }).target.name;
    const present = client.peek(pods, action.name!, action.namespace)!;
    client.put(pods, { ...present, spec: { ...present.spec!, nodeName: target } });
  });
  const informers = informerFactory({ client, clock, random, logger: silentLogger });
  const subject = scheduler({
    client,
    informers,
    clock,
    random,
    logger: silentLogger,
    recorder: {
      event: (about, type, reason, message) =>
        void events.push(`${type} ${reason} ${(about as { metadata: { name: string } }).metadata.name}: ${message}`),
      flush: async () => {},
    },
  });
  informers.start();
  await informers.synced();
  const stop = new AbortController();
  const running = subject.run(stop.signal);
  return {
    clock,
    client,
    events,
    nodeOf: (name: string) => client.peek(pods, name, "default")?.spec?.nodeName,
    condition: (name: string) =>
      client.peek(pods, name, "default")?.status?.conditions?.find(({ type }) => type === "PodScheduled"),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await informers.stop();
    },
  };
}

test("a pod is bound and the event says where", async () => {
  await using cluster = await start();
  cluster.client.put(nodes, node("n1"));
  cluster.client.put(pods, pod("web"));
  await eventually(() => cluster.nodeOf("web") === "n1");
  assert.deepEqual(cluster.events, ["Normal Scheduled web: Successfully assigned default/web to n1"]);
});

test("a pod without room waits, says why once, and is woken by what it waits for", async () => {
  await using cluster = await start();
  cluster.client.put(nodes, node("n1"));
  cluster.client.put(pods, pod("big", { cpu: "3" }));
  await eventually(() => cluster.nodeOf("big") === "n1");
  cluster.client.put(pods, pod("late", { cpu: "3" }));
  await eventually(() => cluster.condition("late")?.reason === "Unschedulable");
  const message =
    "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
  assert.equal(cluster.condition("late")?.message, message);
  assert.ok(cluster.events.includes(`Warning FailedScheduling late: ${message}`));
  cluster.client.clearActions();
  await cluster.clock.advance(60_000);
  assert.deepEqual(cluster.client.writes(), []);
  cluster.client.remove(pods, "big", "default");
  await eventually(() => cluster.nodeOf("late") === "n1");
});

test("a refused binding is tried again after the back-off, and the room is free meanwhile", async () => {
  await using cluster = await start({ refuseBindings: 1 });
  cluster.client.put(nodes, node("n1"));
  cluster.client.put(pods, pod("web", { cpu: "4" }));
  await eventually(() =>
    cluster.events.some((event) => event.startsWith("Warning FailedScheduling web: binding rejected")),
  );
  assert.equal(cluster.nodeOf("web"), undefined);
  await cluster.clock.advance(1000);
  await eventually(() => cluster.nodeOf("web") === "n1");
});

test("gated pods wait for their gates, other schedulers' pods for them", async () => {
  await using cluster = await start();
  cluster.client.put(nodes, node("n1"));
  const gated = pod("gated", { schedulingGates: [{ name: "quota" }] });
  cluster.client.put(pods, gated, pod("foreign", { schedulerName: "other" }), pod("plain"));
  await eventually(() => cluster.nodeOf("plain") === "n1");
  assert.equal(cluster.nodeOf("gated"), undefined);
  cluster.client.put(pods, { ...gated, spec: { ...gated.spec!, schedulingGates: [] } });
  await eventually(() => cluster.nodeOf("gated") === "n1");
  assert.equal(cluster.nodeOf("foreign"), undefined);
});

test("a more important pod makes room for itself", async () => {
  await using cluster = await start();
  cluster.client.put(nodes, node("n1"));
  cluster.client.put(pods, pod("low", { cpu: "3", priority: 1 }));
  await eventually(() => cluster.nodeOf("low") === "n1");
  cluster.client.put(pods, pod("high", { cpu: "3", priority: 10 }));
  await eventually(() => cluster.client.peek(pods, "low", "default")?.metadata?.deletionTimestamp !== undefined);
  assert.equal(cluster.client.peek(pods, "high", "default")?.status?.nominatedNodeName, "n1");
  cluster.client.remove(pods, "low", "default");
  await cluster.clock.advance(1000);
  await eventually(() => cluster.nodeOf("high") === "n1");
});

const delayedClass = (provisioner: string) => ({
  metadata: { name: "late" },
  provisioner,
  volumeBindingMode: "WaitForFirstConsumer",
});
const delayedClaim = {
  metadata: { name: "data", namespace: "default", uid: "claim" },
  spec: { storageClassName: "late", accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  status: { phase: "Pending" },
};
const localVolume = (name: string, host: string, storage: string) => ({
  metadata: { name },
  spec: {
    storageClassName: "late",
    accessModes: ["ReadWriteOnce"],
    capacity: { storage },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [host] }] }],
      },
    },
  },
  status: { phase: "Available" },
});
const user = (name = "p") => pod(name, { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] });
const completed = { "pv.kubernetes.io/bind-completed": "yes" };

test("the volume of a claim that waits is chosen with the node, and the pod is bound after the claim", async () => {
  await using cluster = await start();
  const { client } = cluster;
  client.put(storageClasses, delayedClass("kubernetes.io/no-provisioner"));
  client.put(persistentVolumes, localVolume("far", "b", "1Gi"), localVolume("near", "a", "2Gi"));
  client.put(persistentVolumeClaims, delayedClaim);
  client.put(nodes, node("a"));
  await cluster.clock.advance(100);
  client.put(pods, user());
  const chosen = await eventually(() => {
    const volume = client.peek(persistentVolumes, "near")!;
    assert.equal(volume.spec?.claimRef?.uid, "claim");
    return volume;
  });
  assert.equal(chosen.metadata?.annotations?.["pv.kubernetes.io/bound-by-controller"], "yes");
  assert.equal(cluster.nodeOf("p"), undefined);
  const spec = { ...delayedClaim.spec, volumeName: "near" };
  const metadata = { ...delayedClaim.metadata, annotations: completed };
  client.put(persistentVolumeClaims, { ...delayedClaim, metadata, spec });
  await eventually(() => assert.equal(cluster.nodeOf("p"), "a"));
});

test("a claim without a volume is given to its provisioner with the node", async () => {
  await using cluster = await start();
  const { client } = cluster;
  client.put(storageClasses, delayedClass("example.com/disk"));
  client.put(persistentVolumeClaims, delayedClaim);
  client.put(nodes, node("a"));
  await cluster.clock.advance(100);
  client.put(pods, user());
  const claim = await eventually(() => {
    const present = client.peek(persistentVolumeClaims, "data", "default")!;
    assert.equal(present.metadata?.annotations?.["volume.kubernetes.io/selected-node"], "a");
    return present;
  });
  // The provisioner gives up: another node may do.
  client.put(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations: {} } });
  await eventually(() =>
    assert.match(cluster.events.join(), /binding volumes: selectedNode annotation reset for PVC "data"/),
  );
  assert.equal(cluster.nodeOf("p"), undefined);
});

test("without a volume in reach a pod waits for one", async () => {
  await using cluster = await start();
  const { client } = cluster;
  client.put(storageClasses, delayedClass("kubernetes.io/no-provisioner"));
  client.put(persistentVolumes, localVolume("far", "b", "1Gi"));
  client.put(persistentVolumeClaims, delayedClaim);
  client.put(nodes, node("a"));
  await cluster.clock.advance(100);
  client.put(pods, user());
  await eventually(() =>
    assert.match(cluster.events.join(), /1 node\(s\) didn't find available persistent volumes to bind/),
  );
});
