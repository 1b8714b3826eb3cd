import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service, ServiceSpec } from "../api/types/core.v1.ts";
import type { Endpoint, EndpointSlice } from "../api/types/discovery.v1.ts";
import { type Frontend, frontends } from "./service-tracker.ts";

const service = (spec: Partial<ServiceSpec>, more: Partial<Service> = {}): Service => ({
  metadata: { name: "web", namespace: "default" },
  spec: { clusterIP: "10.96.0.1", clusterIPs: ["10.96.0.1"], ports: [{ name: "http", port: 80 }], ...spec },
  ...more,
});
const slice = (...endpoints: Endpoint[]): EndpointSlice => ({
  addressType: "IPv4",
  ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  endpoints,
});
const endpoint = (last: number, conditions: Endpoint["conditions"] = { ready: true }, nodeName = "here"): Endpoint => ({
  addresses: [`10.244.0.${last}`],
  conditions,
  nodeName,
});
/** `address:port → backends, masquerade, without` in one line each. */
const summary = (list: Frontend[]) =>
  list.map(
    ({ address, port, backends, masquerade, withoutBackends, affinitySeconds }) =>
      `${address ?? "node"}:${port} → ${backends.map((backend) => backend.address.split(".")[3]).join(",") || withoutBackends} ${masquerade}${affinitySeconds ? ` ${affinitySeconds}s` : ""}`,
  );

const cases: [name: string, Service, EndpointSlice[], expected: string[]][] = [
  ["a cluster IP", service({}), [slice(endpoint(2), endpoint(1))], ["10.96.0.1:80 → 1,2 off-cluster"]],
  ["no endpoints", service({}), [], ["10.96.0.1:80 → reject off-cluster"]],
  [
    "another port's endpoints do not count",
    service({ ports: [{ name: "other", port: 80 }] }),
    [slice(endpoint(1))],
    ["10.96.0.1:80 → reject off-cluster"],
  ],
  [
    "endpoints in two slices are counted once",
    service({}),
    [slice(endpoint(1)), slice(endpoint(1), endpoint(2))],
    ["10.96.0.1:80 → 1,2 off-cluster"],
  ],
  [
    "unready endpoints are left out",
    service({}),
    [slice(endpoint(1, { ready: false }), endpoint(2))],
    ["10.96.0.1:80 → 2 off-cluster"],
  ],
  [
    "terminating ones serve while there is no other",
    service({}),
    [
      slice(
        endpoint(1, { ready: false, serving: true, terminating: true }),
        endpoint(2, { ready: false, serving: false, terminating: true }),
      ),
    ],
    ["10.96.0.1:80 → 1 off-cluster"],
  ],
  [
    "node ports, external and load balancer addresses",
    service(
      { type: "LoadBalancer", externalIPs: ["192.0.2.1"], ports: [{ name: "http", port: 80, nodePort: 30080 }] },
      {
        status: {
          loadBalancer: { ingress: [{ ip: "192.0.2.2" }, { ip: "192.0.2.3", ipMode: "Proxy" }, { hostname: "x" }] },
        },
      },
    ),
    [slice(endpoint(1))],
    ["10.96.0.1:80 → 1 off-cluster", "192.0.2.1:80 → 1 always", "192.0.2.2:80 → 1 always", "node:30080 → 1 always"],
  ],
  [
    "an external Local policy keeps to this node and leaves the source alone",
    service({ type: "NodePort", externalTrafficPolicy: "Local", ports: [{ name: "http", port: 80, nodePort: 30080 }] }),
    [slice(endpoint(1, undefined, "there"), endpoint(2))],
    ["10.96.0.1:80 → 1,2 off-cluster", "node:30080 → 2 never"],
  ],
  [
    "a Local policy drops what other nodes answer",
    service({
      type: "NodePort",
      externalTrafficPolicy: "Local",
      internalTrafficPolicy: "Local",
      ports: [{ name: "http", port: 80, nodePort: 30080 }],
    }),
    [slice(endpoint(1, undefined, "there"))],
    ["10.96.0.1:80 → drop never", "node:30080 → drop never"],
  ],
  [
    "session affinity",
    service({ sessionAffinity: "ClientIP" }),
    [slice(endpoint(1))],
    ["10.96.0.1:80 → 1 off-cluster 10800s"],
  ],
  ["headless", service({ clusterIP: "None", clusterIPs: ["None"] }), [slice(endpoint(1))], []],
  ["ExternalName", service({ type: "ExternalName" }), [], []],
  [
    "a Service that another proxy serves",
    service(
      {},
      {
        metadata: {
          name: "web",
          namespace: "default",
          labels: { "service.kubernetes.io/service-proxy-name": "other" },
        },
      },
    ),
    [slice(endpoint(1))],
    [],
  ],
  [
    "a Service labelled as headless is not served",
    service(
      {},
      {
        metadata: {
          name: "web",
          namespace: "default",
          labels: { "service.kubernetes.io/headless": "" },
        },
      },
    ),
    [slice(endpoint(1))],
    [],
  ],
];

for (const [name, subject, slices, expected] of cases) {
  test(`front ends: ${name}`, () => assert.deepEqual(summary(frontends(subject, slices, "here")), expected));
}
