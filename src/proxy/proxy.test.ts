import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointSlices, services } from "../api/resource-types.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { eventually, fakeClient } from "../client/fake-client.fixture.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { startProxy } from "./proxy.ts";
import type { Frontend } from "./service-tracker.ts";

const service = (name: string, last: number) => ({
  metadata: { name, namespace: "default" },
  spec: { clusterIP: `10.96.0.${last}`, clusterIPs: [`10.96.0.${last}`], ports: [{ port: 80 }] },
});
const slice = (name: string, last: number) => ({
  metadata: { name: `${name}-1`, namespace: "default", labels: { "kubernetes.io/service-name": name } },
  addressType: "IPv4",
  ports: [{ port: 80, protocol: "TCP" }],
  endpoints: [{ addresses: [`10.244.0.${last}`], conditions: { ready: true } }],
});

test("the first sync takes all, later ones only what changed, and a failure leads to a new start", async () => {
  const clock = virtualClock();
  const client = fakeClient({ clock });
  client.put(services, service("a", 1), service("b", 2));
  client.put(endpointSlices, slice("a", 1));
  const informers = informerFactory({ client, clock, random: seededRandom(1), logger: silentLogger });
  const calls: string[] = [];
  let fail = false;
  const record = (verb: string) => async (changes: ReadonlyMap<string, readonly Frontend[]>) => {
    if (fail) {
      fail = false;
      throw new Error("nft failed");
    }
    const parts = [...changes].map(
      ([key, list]) => `${key.slice(8)}:${list.map(({ backends }) => backends.length).join("")}`,
    );
    calls.push(`${verb} ${parts.sort().join(" ")}`);
  };
  const backend = { replace: record("replace"), update: record("update"), remove: async () => {} };
  const proxy = startProxy({ informers, backend, clock, logger: silentLogger, nodeName: "n" }, informers.synced());
  informers.start();
  const settle = async (count: number) => {
    await eventually(() => clock.pending > 0 || calls.length >= count);
    await clock.advance(0);
    await eventually(() => calls.length >= count);
  };
  await informers.synced();
  await settle(1);
  await proxy.ready;
  client.put(endpointSlices, slice("b", 2));
  await settle(2);
  client.remove(services, "a", "default");
  await settle(3);
  const labelled = slice("b", 2);
  Object.assign(labelled.metadata.labels, { "service.kubernetes.io/headless": "" });
  client.put(endpointSlices, labelled);
  await settle(4);
  assert.deepEqual(calls, ["replace a:1 b:0", "update b:1", "update a:", "update b:0"]);
  fail = true;
  client.put(services, service("c", 3));
  await eventually(() => clock.pending > 0);
  await clock.advance(0);
  await clock.advance(1000);
  await eventually(() => calls.length === 5);
  assert.equal(calls[4], "replace b:0 c:0");
  await proxy.stop();
  await informers.stop();
});
