import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { endpointSlices, endpoints, services } from "../../api/resource-types.ts";
import type { EndpointSubset, Endpoints, Service } from "../../api/types/core.v1.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { endpointSliceMirroringController } from "./mirror-controller.ts";
import { planMirror } from "./mirror-plan.ts";

const service = (spec: Service["spec"] = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "shop", uid: "svc" },
  spec: { clusterIP: "10.96.0.7", ports: [{ name: "http", port: 80, protocol: "TCP" }], ...spec },
});
const object = (subsets: EndpointSubset[], metadata: Endpoints["metadata"] = {}): Endpoints => ({
  apiVersion: "v1",
  kind: "Endpoints",
  metadata: { name: "web", namespace: "shop", uid: "ep", ...metadata },
  subsets,
});
const http = [{ name: "http", port: 8080, protocol: "TCP" }];
const plan = (subsets: EndpointSubset[], slices = [] as ReturnType<typeof planMirror>["create"], maxPerSubset = 1000) =>
  planMirror({ endpoints: object(subsets), slices, maxPerSubset });
const stored = (slices: ReturnType<typeof planMirror>["create"]) =>
  slices.map((slice, index) => ({ ...slice, metadata: { ...slice.metadata, name: `web-${index}` } }));

suite("what is mirrored", () => {
  test("addresses, ready or not, in a slice per family", () => {
    const { create } = plan([
      {
        addresses: [{ ip: "10.0.0.1", nodeName: "n1", hostname: "h" }, { ip: "fd00::1" }],
        notReadyAddresses: [{ ip: "10.0.0.2" }],
        ports: http,
      },
    ]);
    assert.deepEqual(
      create.map(({ addressType, endpoints, ports }) => ({ addressType, endpoints, ports })),
      [
        {
          addressType: "IPv4",
          endpoints: [
            { addresses: ["10.0.0.1"], conditions: { ready: true }, nodeName: "n1", hostname: "h" },
            { addresses: ["10.0.0.2"], conditions: { ready: false } },
          ],
          ports: http,
        },
        { addressType: "IPv6", endpoints: [{ addresses: ["fd00::1"], conditions: { ready: true } }], ports: http },
      ],
    );
    assert.equal(create[0]?.metadata?.labels?.["kubernetes.io/service-name"], "web");
  });

  test("the same again needs no write; other addresses an update; other ports reuse the slice", () => {
    const first = [{ addresses: [{ ip: "10.0.0.1" }], ports: http }];
    const slices = stored(plan(first).create);
    const again = plan(first, slices);
    assert.deepEqual([again.create, again.update, again.remove], [[], [], []]);
    assert.equal(plan([{ addresses: [{ ip: "10.0.0.9" }], ports: http }], slices).update[0]?.metadata?.name, "web-0");
    const moved = plan([{ addresses: [{ ip: "10.0.0.1" }], ports: [{ name: "http", port: 81 }] }], slices);
    assert.deepEqual([moved.create.length, moved.remove.length, moved.update[0]?.metadata?.name], [0, 0, "web-0"]);
    assert.equal(moved.update[0]?.ports?.[0]?.port, 81);
    assert.deepEqual(plan([], slices).remove, slices);
  });

  test("no more than the limit per subset", () => {
    const ips = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((ip) => ({ ip }));
    const { create, skipped } = plan([{ addresses: ips, ports: http }], [], 2);
    assert.deepEqual([create[0]?.endpoints?.length, skipped], [2, 1]);
  });
});

suite("the mirroring controller", () => {
  const filled = object([{ addresses: [{ ip: "10.0.0.1" }], ports: http }]);

  test("follows the Endpoints through creation, update and deletion", () =>
    withControllers(endpointSliceMirroringController, { objects: [service(), filled] }, async (bench) => {
      const { fake, settle } = bench;
      const addresses = () => fake.all(endpointSlices).flatMap((slice) => slice.endpoints?.[0]?.addresses ?? []);
      assert.deepEqual(addresses(), ["10.0.0.1"]);
      const present = fake.peek(endpoints, "web", "shop")!;
      fake.put(endpoints, { ...present, subsets: [{ addresses: [{ ip: "10.0.0.2" }], ports: http }] });
      await settle();
      assert.deepEqual(addresses(), ["10.0.0.2"]);
      await bench.assertQuiet();
      fake.remove(endpoints, "web", "shop");
      await settle();
      assert.deepEqual(fake.all(endpointSlices), []);
    }));

  test("leaves alone what has a selector, is a lock, or asks for it", async () => {
    const cases: [Service, Endpoints][] = [
      [service({ selector: { app: "web" } }), filled],
      [service(), object(filled.subsets!, { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } })],
      [service(), object(filled.subsets!, { annotations: { "control-plane.alpha.kubernetes.io/leader": "{}" } })],
    ];
    for (const objects of cases) {
      await withControllers(endpointSliceMirroringController, { objects }, async ({ fake }) =>
        assert.deepEqual(fake.all(endpointSlices), []),
      );
    }
  });

  test("takes its slices back when the Service gets a selector", () =>
    withControllers(endpointSliceMirroringController, { objects: [service(), filled] }, async ({ fake, settle }) => {
      const present = fake.peek(services, "web", "shop")!;
      fake.put(services, { ...present, spec: { ...present.spec, selector: { app: "web" } } });
      await settle();
      assert.deepEqual(fake.all(endpointSlices), []);
    }));
});
