import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { endpointSlices, endpoints, nodes, pods, services } from "../../api/resource-types.ts";
import { conflict } from "../../api/status-error.ts";
import type { Node, Pod, Service } from "../../api/types/core.v1.ts";
import type { EndpointSlice } from "../../api/types/discovery.v1.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { endpointsController } from "./endpoints-controller.ts";
import { planEndpoints } from "./endpoints-plan.ts";
import { endpointSliceController } from "./slice-controller.ts";
import { type ObservedService, planSlices } from "./slice-plan.ts";

const service = (spec: Partial<Service["spec"]> = {}, labels?: Record<string, string>): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name: "web",
    namespace: "shop",
    uid: "svc",
    creationTimestamp: "2025-12-31T00:00:00Z",
    ...(labels ? { labels } : {}),
  },
  spec: {
    selector: { app: "web" },
    clusterIP: "10.96.0.7",
    ipFamilies: ["IPv4"],
    ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }],
    ...spec,
  },
});
interface PodTraits {
  ip?: string;
  ips?: string[];
  ready?: boolean;
  readyAt?: string;
  terminating?: boolean;
  phase?: string;
  node?: string;
  spec?: Partial<NonNullable<Pod["spec"]>>;
}
const pod = (name: string, traits: PodTraits = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name,
    namespace: "shop",
    uid: `uid-${name}`,
    labels: { app: "web" },
    ...(traits.terminating ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
  },
  spec: { containers: [{ name: "c" }], nodeName: traits.node ?? "n1", ...traits.spec },
  status: {
    phase: traits.phase ?? "Running",
    ...(traits.ip || traits.ips ? { podIP: traits.ip ?? traits.ips![0]! } : {}),
    ...(traits.ips ? { podIPs: traits.ips.map((ip) => ({ ip })) } : {}),
    conditions: [
      {
        type: "Ready",
        status: traits.ready === false ? "False" : "True",
        lastTransitionTime: traits.readyAt ?? "2026-01-01T00:00:00Z",
      },
    ],
  },
});
const node = (name: string, zone?: string): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, ...(zone ? { labels: { "topology.kubernetes.io/zone": zone } } : {}) },
});
const plan = (observed: Partial<ObservedService>) =>
  planSlices({
    service: service(),
    pods: [],
    nodeOf: (name) => (name === "gone" ? undefined : node(name, `zone-of-${name}`)),
    slices: [],
    maxPerSlice: 100,
    triggerTime: undefined,
    ...observed,
  });
const only = (slices: readonly EndpointSlice[]) => {
  assert.equal(slices.length, 1);
  return slices[0]!;
};
const addresses = (slice: EndpointSlice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
/** As it would be stored: with a name. */
const stored = (slices: readonly EndpointSlice[], prefix = "s"): EndpointSlice[] =>
  slices.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `${prefix}${i}` } }));

suite("slices", () => {
  test("a slice says all there is to say", () => {
    const { create } = plan({
      service: service({}, { team: "a" }),
      pods: [pod("a", { ip: "10.0.0.1" })],
      triggerTime: "2026-01-01T00:00:00Z",
    });
    assert.deepEqual(only(create), {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        generateName: "web-",
        namespace: "shop",
        labels: {
          team: "a",
          "kubernetes.io/service-name": "web",
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        },
        annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
        ownerReferences: [
          { apiVersion: "v1", kind: "Service", name: "web", uid: "svc", controller: true, blockOwnerDeletion: true },
        ],
      },
      addressType: "IPv4",
      endpoints: [
        {
          addresses: ["10.0.0.1"],
          conditions: { ready: true, serving: true, terminating: false },
          targetRef: { kind: "Pod", namespace: "shop", name: "a", uid: "uid-a" },
          nodeName: "n1",
          zone: "zone-of-n1",
        },
      ],
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    });
  });

  const conditions: [string, PodTraits, Partial<Service["spec"]>, [boolean, boolean, boolean] | undefined][] = [
    ["ready", {}, {}, [true, true, false]],
    ["not ready", { ready: false }, {}, [false, false, false]],
    ["not ready, published all the same", { ready: false }, { publishNotReadyAddresses: true }, [true, false, false]],
    ["terminating, still serving", { terminating: true }, {}, [false, true, true]],
    ["terminating, published", { terminating: true }, { publishNotReadyAddresses: true }, [true, true, true]],
    ["finished", { phase: "Succeeded" }, {}, undefined],
    ["on a node that is gone", { node: "gone" }, {}, undefined],
    ["on a node that is gone, published", { node: "gone" }, { publishNotReadyAddresses: true }, [true, true, false]],
  ];
  for (const [what, traits, spec, expected] of conditions) {
    test(`a pod that is ${what}`, () => {
      const { create } = plan({ service: service(spec), pods: [pod("a", { ip: "10.0.0.1", ...traits })] });
      const { ready, serving, terminating } = only(create).endpoints?.[0]?.conditions ?? {};
      assert.deepEqual(expected && [ready, serving, terminating], expected);
      assert.equal(only(create).endpoints?.length, expected ? 1 : 0);
    });
  }

  test("a pod without an address is none", () =>
    assert.deepEqual(addresses(only(plan({ pods: [pod("a")] }).create)), []));

  test("named ports are looked up in each pod: other numbers, other slices; sidecars count", () => {
    const named = service({ ports: [{ name: "http", port: 80, targetPort: "web" }] });
    const container = (containerPort: number) => ({ name: "c", ports: [{ name: "web", containerPort }] });
    const { create } = plan({
      service: named,
      pods: [
        pod("a", { ip: "10.0.0.1", spec: { containers: [container(8080)] } }),
        pod("b", { ip: "10.0.0.2", spec: { containers: [container(9090)] } }),
        pod("c", { ip: "10.0.0.3", spec: { initContainers: [{ ...container(9090), restartPolicy: "Always" }] } }),
      ],
    });
    assert.deepEqual(
      create.map((slice) => [slice.ports?.[0]?.port, addresses(slice)]),
      [
        [8080, ["10.0.0.1"]],
        [9090, ["10.0.0.2", "10.0.0.3"]],
      ],
    );
  });

  test("two families, two slices", () => {
    const { create } = plan({
      service: service({ ipFamilies: ["IPv4", "IPv6"] }),
      pods: [pod("a", { ips: ["10.0.0.1", "fd00::1"] })],
    });
    assert.deepEqual(
      create.map((slice) => [slice.addressType, addresses(slice)]),
      [
        ["IPv4", ["10.0.0.1"]],
        ["IPv6", ["fd00::1"]],
      ],
    );
  });

  test("headless: labelled, and no ports needed; the pod's host name is told", () => {
    const { create } = plan({
      service: service({ clusterIP: "None", ports: [] }),
      pods: [pod("a", { ip: "10.0.0.1", spec: { hostname: "db-0", subdomain: "web" } })],
    });
    assert.equal(only(create).metadata?.labels?.["service.kubernetes.io/headless"], "");
    assert.deepEqual(only(create).ports, []);
    assert.equal(only(create).endpoints?.[0]?.hostname, "db-0");
  });

  test("without pods there is one empty slice, and it stays", () => {
    const { create } = plan({});
    assert.deepEqual([only(create).endpoints, only(create).ports], [[], []]);
    assert.deepEqual(plan({ slices: stored(create) }), { create: [], update: [], remove: [] });
    const next = plan({ slices: stored(create), pods: [pod("a", { ip: "10.0.0.1" })] });
    assert.deepEqual([next.create.length, next.update.length, next.remove.length], [1, 0, 1]);
  });

  test("nothing changed, nothing written", () => {
    const all = [pod("a", { ip: "10.0.0.1" }), pod("b", { ip: "10.0.0.2" })];
    const slices = stored(plan({ pods: all }).create);
    assert.deepEqual(plan({ pods: [...all].reverse(), slices, triggerTime: "2026-01-02T00:00:00Z" }), {
      create: [],
      update: [],
      remove: [],
    });
  });

  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => pod(`p${i}`, { ip: `10.0.${i >> 8}.${i & 255}` }));
  test("no slice is larger than allowed, and endpoints stay where they are", () => {
    const first = plan({ pods: many(250) }).create;
    assert.deepEqual(
      first.map((slice) => slice.endpoints?.length),
      [100, 100, 50],
    );
    const slices = stored(first);
    // One more: into the only one with room, nothing else is touched.
    const more = plan({ pods: many(251), slices });
    assert.deepEqual(
      more.update.map((slice) => slice.metadata?.name),
      ["s2"],
    );
    assert.equal(more.create.length, 0);
    // One of the first slice goes, another comes: the same slice is written once.
    const swapped = plan({ pods: [...many(250).slice(1), pod("new", { ip: "10.9.9.9" })], slices });
    assert.deepEqual(
      swapped.update.map((slice) => slice.metadata?.name),
      ["s0"],
    );
    assert.deepEqual(addresses(swapped.update[0]!).at(-1), "10.9.9.9");
    // Sixty more do not fit into what is left.
    const far = plan({ pods: many(310), slices });
    assert.deepEqual([far.create.length, far.update.length], [1, 0]);
    assert.equal(far.create[0]!.endpoints?.length, 60);
    // A slice that loses all its endpoints goes.
    const less = plan({ pods: many(250).slice(100), slices });
    assert.deepEqual(
      less.remove.map((slice) => slice.metadata?.name),
      ["s0"],
    );
  });

  test("another family, another port: the old slices go", () => {
    const all = [pod("a", { ip: "10.0.0.1" })];
    const slices = stored(plan({ pods: all }).create);
    const moved = plan({ pods: all, slices, service: service({ ports: [{ port: 81, targetPort: 81 }] }) });
    assert.deepEqual([moved.create.length, moved.remove.length], [1, 1]);
    const v6 = plan({ pods: all, slices, service: service({ ipFamilies: ["IPv6"] }) });
    assert.deepEqual(
      v6.remove.map((slice) => slice.metadata?.name),
      ["s0"],
    );
  });

  for (const [distribution, hints] of [
    ["PreferClose", { forZones: [{ name: "zone-of-n1" }] }],
    ["PreferSameZone", { forZones: [{ name: "zone-of-n1" }] }],
    ["PreferSameNode", { forZones: [{ name: "zone-of-n1" }], forNodes: [{ name: "n1" }] }],
    [undefined, undefined],
  ] as const) {
    test(`traffic distribution ${distribution}`, () => {
      const { create } = plan({
        service: service({ trafficDistribution: distribution }),
        pods: [pod("a", { ip: "10.0.0.1" }), pod("b", { ip: "10.0.0.2", ready: false })],
      });
      assert.deepEqual(
        only(create).endpoints?.map((endpoint) => endpoint.hints),
        [hints, undefined],
      );
    });
  }
});

suite("endpoints", () => {
  const subsets = (spec: Partial<Service["spec"]>, all: Pod[]) =>
    planEndpoints(service(spec), all, undefined, undefined).subsets;

  test("ready and unready addresses of the same ports share a subset", () => {
    const all = [
      pod("b", { ip: "10.0.0.2" }),
      pod("a", { ip: "10.0.0.1" }),
      pod("c", { ip: "10.0.0.3", ready: false }),
    ];
    const target = (name: string) => ({ kind: "Pod", namespace: "shop", name, uid: `uid-${name}` });
    assert.deepEqual(subsets({}, all), [
      {
        addresses: [
          { ip: "10.0.0.1", nodeName: "n1", targetRef: target("a") },
          { ip: "10.0.0.2", nodeName: "n1", targetRef: target("b") },
        ],
        notReadyAddresses: [{ ip: "10.0.0.3", nodeName: "n1", targetRef: target("c") }],
        ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      },
    ]);
  });

  test("terminating and finished pods are out; with publishNotReadyAddresses the former stay", () => {
    const all = [pod("a", { ip: "10.0.0.1", terminating: true }), pod("b", { ip: "10.0.0.2", phase: "Failed" })];
    assert.deepEqual(subsets({}, all), []);
    assert.equal(subsets({ publishNotReadyAddresses: true }, all)?.[0]?.addresses?.length, 1);
  });

  test("beyond a thousand addresses are cut off, unready ones first, and it is said", () => {
    const all = Array.from({ length: 1005 }, (_, i) =>
      pod(`p${i}`, { ip: `10.0.${i >> 8}.${i & 255}`, ready: i >= 10 }),
    );
    const planned = planEndpoints(service(), all, undefined, undefined);
    assert.equal(planned.metadata?.annotations?.["endpoints.kubernetes.io/over-capacity"], "truncated");
    assert.equal(planned.subsets?.[0]?.addresses?.length, 995);
    assert.equal(planned.subsets?.[0]?.notReadyAddresses?.length, 5);
  });
});

suite("controllers", () => {
  const both = [endpointSliceController, endpointsController];

  test("follow pods as they come, become ready and go; and are quiet in between", () =>
    withControllers(both, { objects: [node("n1"), service()] }, async (bench) => {
      const { fake, settle } = bench;
      const slice = () => only(fake.all(endpointSlices));
      const subsets = () => fake.peek(endpoints, "web", "shop")?.subsets;
      assert.deepEqual(slice().endpoints, []);
      fake.put(pods, pod("a", { ip: "10.0.0.1", ready: false }));
      await settle();
      assert.deepEqual(slice().endpoints?.[0]?.conditions, { ready: false, serving: false, terminating: false });
      assert.equal(subsets()?.[0]?.notReadyAddresses?.length, 1);
      fake.put(pods, pod("a", { ip: "10.0.0.1", readyAt: "2026-01-01T00:00:09Z" }));
      await settle();
      assert.deepEqual(slice().endpoints?.[0]?.conditions, { ready: true, serving: true, terminating: false });
      assert.equal(
        slice().metadata?.annotations?.["endpoints.kubernetes.io/last-change-trigger-time"],
        "2026-01-01T00:00:09Z",
      );
      assert.equal(subsets()?.[0]?.addresses?.[0]?.ip, "10.0.0.1");
      assert.equal(
        fake.peek(endpoints, "web", "shop")?.metadata?.labels?.["endpoints.kubernetes.io/managed-by"],
        "endpoint-controller",
      );
      await bench.assertQuiet();
      fake.clearActions();
      // A change that no endpoint shows is no reason to do anything.
      const present = fake.peek(pods, "a", "shop")!;
      fake.put(pods, { ...present, status: { ...present.status, message: "x" } });
      await settle();
      assert.deepEqual(fake.writes(), []);
      fake.remove(pods, "a", "shop");
      await settle();
      assert.deepEqual(slice().endpoints, []);
    }));

  test("a pod joins by its labels and leaves by them", () =>
    withControllers(
      both,
      { objects: [node("n1"), service(), pod("a", { ip: "10.0.0.1" })] },
      async ({ fake, settle }) => {
        const present = fake.peek(pods, "a", "shop")!;
        fake.put(pods, { ...present, metadata: { ...present.metadata, labels: { app: "other" } } });
        await settle();
        assert.deepEqual(only(fake.all(endpointSlices)).endpoints, []);
        fake.put(pods, { ...present, metadata: { ...present.metadata, labels: { app: "web" } } });
        await settle();
        assert.deepEqual(addresses(only(fake.all(endpointSlices))), ["10.0.0.1"]);
      },
    ));

  test("a node that comes late, and its zone, show", () =>
    withControllers(both, { objects: [service(), pod("a", { ip: "10.0.0.1" })] }, async ({ fake, settle }) => {
      assert.deepEqual(only(fake.all(endpointSlices)).endpoints, []);
      fake.put(nodes, node("n1"));
      await settle();
      assert.deepEqual(addresses(only(fake.all(endpointSlices))), ["10.0.0.1"]);
      fake.put(nodes, node("n1", "z1"));
      await settle();
      assert.equal(only(fake.all(endpointSlices)).endpoints?.[0]?.zone, "z1");
    }));

  test("what others break is mended; what others own is left alone", () =>
    withControllers(
      both,
      { objects: [node("n1"), service(), pod("a", { ip: "10.0.0.1" })] },
      async ({ fake, settle }) => {
        fake.remove(endpointSlices, only(fake.all(endpointSlices)).metadata!.name!, "shop");
        fake.put(endpointSlices, {
          metadata: { name: "mine", namespace: "shop", labels: { "kubernetes.io/service-name": "web" } },
          addressType: "IPv4",
          endpoints: [],
        });
        await settle();
        assert.equal(fake.all(endpointSlices).length, 2);
        assert.deepEqual(fake.peek(endpointSlices, "mine", "shop")?.endpoints, []);
      },
    ));

  test("no selector, another's name: not ours", () =>
    withControllers(
      both,
      {
        objects: [
          service({ selector: {} }),
          { ...service({ type: "ExternalName" }), metadata: { name: "x", namespace: "shop" } },
        ],
      },
      async ({ fake }) => {
        assert.equal(fake.all(endpointSlices).length, 0);
        assert.equal(fake.all(endpoints).length, 0);
      },
    ));

  test("Endpoints go with their Service; those without one stay", () =>
    withControllers(both, { objects: [node("n1"), service()] }, async ({ fake, settle }) => {
      fake.put(endpoints, { metadata: { name: "handmade", namespace: "shop" }, subsets: [] });
      fake.remove(services, "web", "shop");
      await settle();
      assert.deepEqual(
        fake.all(endpoints).map((object) => object.metadata?.name),
        ["handmade"],
      );
    }));

  test("a failure is told in an event, and tried again", () =>
    withControllers(
      endpointSliceController,
      {
        objects: [node("n1"), service()],
        prepare: (fake) => {
          let failures = 0;
          fake.intercept(({ verb, resource }) => {
            if (verb === "create" && resource === "endpointslices" && failures++ < 2) {
              throw conflict({ resource: "endpointslices" }, "web", "no");
            }
          });
        },
      },
      async ({ fake, events }) => {
        assert.match(
          events()[0]!,
          /^FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service shop\/web: /,
        );
        assert.equal(fake.all(endpointSlices).length, 1);
      },
    ));
});
