import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  configMaps,
  daemonSets,
  deployments,
  endpointSlices,
  jobs,
  namespaces,
  nodes,
  persistentVolumeClaims,
  pods,
  replicaSets,
  serviceAccounts,
  services,
  statefulSets,
} from "../../src/api/resource-types.ts";
import { isNotFound } from "../../src/api/status-error.ts";
import type { Client } from "../../src/client/client.ts";
import { type SimulatedCluster, waitFor, withCluster } from "./cluster.fixture.ts";

const web = (image: string, replicas = 3) => ({
  metadata: { name: "web", namespace: "shop" },
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "c", image, ports: [{ containerPort: 80 }] }] },
    },
  },
});

/** A kubelet and a scheduler of sorts: binds each pod to the node, has it ready at once, and lets it go when asked to. */
function playNode(admin: Client, signal: AbortSignal, outcome = "Running"): Promise<void> {
  const resource = admin.resource(pods);
  let address = 1;
  const play = async () => {
    for await (const { type, object } of resource.watch({ resourceVersion: "0", signal })) {
      if (type !== "ADDED" && type !== "MODIFIED") continue;
      const pod = object;
      const { name = "", namespace } = pod.metadata ?? {};
      try {
        if (pod.metadata?.deletionTimestamp) await resource.delete(name, namespace, { gracePeriodSeconds: 0 });
        else if (!pod.spec?.nodeName) {
          const target = { apiVersion: "v1", kind: "Node", name: "node-1" };
          await resource.createSubresource(name, namespace, "binding", { metadata: { name, namespace }, target });
        } else if (pod.status?.phase === "Pending") {
          const podIP = `10.0.0.${address++}`;
          const conditions = [
            { type: "Ready", status: "True", lastTransitionTime: `${new Date().toISOString().slice(0, 19)}Z` },
          ];
          await resource.updateStatus({
            ...pod,
            status: { phase: outcome, podIP, podIPs: [{ ip: podIP }], conditions },
          });
        }
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  };
  return play();
}

const shop = async ({ admin }: SimulatedCluster) => {
  await admin.resource(namespaces).create({ metadata: { name: "shop" } });
  await admin.resource(nodes).create({
    metadata: { name: "node-1" },
    status: { conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: "2026-01-01T00:00:00Z" }] },
  });
  await waitFor(admin, serviceAccounts, "default", "shop", (account) => account !== undefined);
};

suite("the controllers on a real API server, each with the rights of its own account", () => {
  test("a Deployment from nothing to a Service's endpoints, rolled, scaled and deleted", { timeout: 30_000 }, () =>
    withCluster({ settings: { rootCa: "PEM" } }, async (cluster) => {
      const { admin } = cluster;
      const stop = new AbortController();
      const node = playNode(admin, stop.signal);
      await shop(cluster);
      await waitFor(admin, configMaps, "kube-root-ca.crt", "shop", (map) => map?.data?.["ca.crt"] === "PEM");
      await admin.resource(services).create({
        metadata: { name: "web", namespace: "shop" },
        spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
      });
      await admin.resource(deployments).create(web("v1"));
      const available =
        (count: number) =>
        (
          one:
            | {
                status?: {
                  availableReplicas?: number;
                  updatedReplicas?: number;
                  replicas?: number;
                  observedGeneration?: number;
                };
                metadata?: { generation?: number };
              }
            | undefined,
        ) =>
          one?.status?.observedGeneration === one?.metadata?.generation &&
          one?.status?.availableReplicas === count &&
          one.status.updatedReplicas === count &&
          one.status.replicas === count;
      await waitFor(admin, deployments, "web", "shop", available(3));
      const ready = async () => {
        const { items } = await admin.resource(endpointSlices).list({ namespace: "shop" });
        return items.flatMap((slice) => slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready).length;
      };
      const slice = (await admin.resource(endpointSlices).list({ namespace: "shop" })).items[0];
      await waitFor(admin, endpointSlices, slice?.metadata?.name ?? "", "shop", (one) => one?.endpoints?.length === 3);
      assert.equal(await ready(), 3);

      const present = await admin.resource(deployments).get("web", "shop");
      await admin
        .resource(deployments)
        .update({ ...present, spec: { ...present.spec!, ...web("v2").spec, replicas: 4 } });
      const rolled = await waitFor(admin, deployments, "web", "shop", available(4));
      assert.equal(rolled?.metadata?.annotations?.["deployment.kubernetes.io/revision"], "2");
      assert.equal((await admin.resource(replicaSets).list({ namespace: "shop" })).items.length, 2);

      await admin.resource(deployments).delete("web", "shop", { propagationPolicy: "Foreground" });
      await waitFor(admin, deployments, "web", "shop", (one) => one === undefined);
      assert.equal((await admin.resource(replicaSets).list({ namespace: "shop" })).items.length, 0);
      assert.equal((await admin.resource(pods).list({ namespace: "shop" })).items.length, 0);

      await admin.resource(namespaces).delete("shop");
      await waitFor(admin, namespaces, "shop", undefined, (one) => one === undefined);
      stop.abort();
      await node;
      assert.deepEqual(cluster.complaints, []);
    }),
  );

  test("a Job counts what its pods come to", { timeout: 30_000 }, () =>
    withCluster({}, async (cluster) => {
      const { admin } = cluster;
      const stop = new AbortController();
      await shop(cluster);
      const node = playNode(admin, stop.signal, "Succeeded");
      await admin.resource(jobs).create({
        metadata: { name: "sum", namespace: "shop" },
        spec: {
          completions: 5,
          parallelism: 2,
          completionMode: "Indexed",
          template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } },
        },
      });
      const done = await waitFor(admin, jobs, "sum", "shop", (job) =>
        Boolean(job?.status?.conditions?.some(({ type, status }) => type === "Complete" && status === "True")),
      );
      assert.equal(done?.status?.succeeded, 5);
      assert.equal(done?.status?.completedIndexes, "0-4");
      stop.abort();
      await node;
      assert.deepEqual(cluster.complaints, []);
    }),
  );

  test("a StatefulSet with claims and a DaemonSet come up, are rolled, and go", { timeout: 30_000 }, () =>
    withCluster({}, async (cluster) => {
      const { admin } = cluster;
      const stop = new AbortController();
      await shop(cluster);
      const node = playNode(admin, stop.signal);
      const metadata = { name: "db", namespace: "shop" };
      const template = (image: string) => ({
        metadata: { labels: { app: "db" } },
        spec: { containers: [{ name: "c", image }] },
      });
      await admin.resource(statefulSets).create({
        metadata,
        spec: {
          replicas: 2,
          serviceName: "db",
          selector: { matchLabels: { app: "db" } },
          template: template("v1"),
          persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
          volumeClaimTemplates: [
            {
              metadata: { name: "data" },
              spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
            },
          ],
        },
      });
      const labels = { app: "agent" };
      await admin.resource(daemonSets).create({
        metadata: { name: "agent", namespace: "shop" },
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "v1" }] } },
        },
      });
      await waitFor(admin, statefulSets, "db", "shop", (set) => set?.status?.availableReplicas === 2);
      await waitFor(admin, daemonSets, "agent", "shop", (set) => set?.status?.numberAvailable === 1);
      const present = await admin.resource(statefulSets).get("db", "shop");
      await admin.resource(statefulSets).update({ ...present, spec: { ...present.spec!, template: template("v2") } });
      await waitFor(
        admin,
        statefulSets,
        "db",
        "shop",
        (set) => set?.status?.currentRevision !== present.status?.currentRevision,
      );
      const daemon = await admin.resource(daemonSets).get("agent", "shop");
      const spec = { ...daemon.spec!, template: { ...daemon.spec!.template, spec: template("v2").spec } };
      await admin.resource(daemonSets).update({ ...daemon, spec });
      await waitFor(admin, daemonSets, "agent", "shop", (set) => {
        const { observedGeneration, updatedNumberScheduled, numberAvailable } = set?.status ?? {};
        return (
          observedGeneration === set?.metadata?.generation && updatedNumberScheduled === 1 && numberAvailable === 1
        );
      });
      await admin.resource(statefulSets).delete("db", "shop");
      await waitFor(admin, persistentVolumeClaims, "data-db-0", "shop", (claim) => claim === undefined);
      stop.abort();
      await node;
      assert.deepEqual(cluster.complaints, []);
    }),
  );

  test("when all is done nothing is written any more", { timeout: 30_000 }, () =>
    withCluster({}, async (cluster) => {
      const { admin } = cluster;
      const stop = new AbortController();
      const node = playNode(admin, stop.signal);
      await shop(cluster);
      await admin.resource(deployments).create(web("v1", 2));
      await waitFor(admin, deployments, "web", "shop", (one) => one?.status?.availableReplicas === 2);
      const version = async () => (await admin.resource(namespaces).list()).metadata?.resourceVersion;
      // Whatever was still under way needs some round trips; then two looks have to agree.
      let before = await version();
      for (let same = 0, tries = 0; same < 20 && tries < 2000; tries++) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        const now = await version();
        same = now === before ? same + 1 : 0;
        before = now;
      }
      for (let look = 0; look < 200; look++) assert.equal(await version(), before);
      stop.abort();
      await node;
      assert.deepEqual(cluster.complaints, []);
    }),
  );
});
