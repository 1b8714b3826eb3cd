import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../api/types/core.v1.ts";
import type { EndpointSlice } from "../api/types/discovery.v1.ts";
import { resolve, resolveReverse, type ServiceDirectory } from "./records.ts";

const services: Service[] = [
  {
    metadata: { name: "web", namespace: "default" },
    spec: { clusterIP: "10.96.0.5", clusterIPs: ["10.96.0.5"], ports: [{ name: "http", port: 80, protocol: "TCP" }] },
  },
  {
    metadata: { name: "db", namespace: "default" },
    spec: { clusterIP: "None", clusterIPs: ["None"], ports: [{ name: "sql", port: 5432 }] },
  },
  { metadata: { name: "empty", namespace: "default" }, spec: { clusterIP: "None", clusterIPs: ["None"] } },
  { metadata: { name: "out", namespace: "default" }, spec: { type: "ExternalName", externalName: "example.org" } },
];
const slices: EndpointSlice[] = [
  {
    metadata: { name: "db-1", namespace: "default", labels: { "kubernetes.io/service-name": "db" } },
    addressType: "IPv4",
    ports: [{ name: "sql", port: 5433, protocol: "TCP" }],
    endpoints: [
      { addresses: ["10.244.0.7"], hostname: "db-0", conditions: { ready: true } },
      { addresses: ["10.244.0.8"], conditions: { ready: true } },
      { addresses: ["10.244.0.9"], conditions: { ready: false } },
    ],
  },
];
const directory: ServiceDirectory = {
  service: (namespace, name) =>
    services.find(({ metadata }) => metadata!.namespace === namespace && metadata!.name === name),
  slices: (namespace, service) =>
    slices.filter(
      ({ metadata }) =>
        metadata!.namespace === namespace && metadata!.labels!["kubernetes.io/service-name"] === service,
    ),
  byAddress: (address) => ({
    services: services.filter(({ spec }) => spec!.clusterIPs?.includes(address)),
    slices: slices.filter((slice) => slice.endpoints!.some(({ addresses }) => addresses.includes(address))),
  }),
  namespaceExists: (namespace) => namespace === "default",
};
const zone = "cluster.local";
const data = (name: string, type: string) => {
  const { exists, answers } = resolve(directory, zone, name, type);
  return exists ? answers.map((answer) => (answer as { data: unknown }).data) : "NXDOMAIN";
};

test("names resolve as the DNS specification of Kubernetes says", () => {
  const cases: [string, string, unknown][] = [
    ["web.default.svc.cluster.local", "A", ["10.96.0.5"]],
    ["web.default.svc.cluster.local", "AAAA", []],
    ["web.other.svc.cluster.local", "A", "NXDOMAIN"],
    ["x.web.default.svc.cluster.local", "A", "NXDOMAIN"],
    ["db.default.svc.cluster.local", "A", ["10.244.0.7", "10.244.0.8"]],
    ["db-0.db.default.svc.cluster.local", "A", ["10.244.0.7"]],
    ["10-244-0-8.db.default.svc.cluster.local", "A", ["10.244.0.8"]],
    ["empty.default.svc.cluster.local", "A", "NXDOMAIN"],
    ["out.default.svc.cluster.local", "A", ["example.org"]],
    [
      "_http._tcp.web.default.svc.cluster.local",
      "SRV",
      [{ priority: 0, weight: 100, port: 80, target: "web.default.svc.cluster.local" }],
    ],
    ["_http._udp.web.default.svc.cluster.local", "SRV", "NXDOMAIN"],
    [
      "_sql._tcp.db.default.svc.cluster.local",
      "SRV",
      [
        { priority: 0, weight: 100, port: 5433, target: "db-0.db.default.svc.cluster.local" },
        { priority: 0, weight: 100, port: 5433, target: "10-244-0-8.db.default.svc.cluster.local" },
      ],
    ],
    ["10-244-0-3.default.pod.cluster.local", "A", ["10.244.0.3"]],
    ["10-244-0-3.other.pod.cluster.local", "A", "NXDOMAIN"],
    ["dns-version.cluster.local", "TXT", ["1.1.0"]],
    ["default.svc.cluster.local", "A", []],
    ["other.svc.cluster.local", "A", "NXDOMAIN"],
    ["cluster.local", "A", []],
  ];
  for (const [name, type, expected] of cases) assert.deepEqual(data(name, type), expected, `${type} ${name}`);
});

test("addresses of the cluster resolve to names, others are not ours", () => {
  const pointer = (name: string) =>
    resolveReverse(directory, zone, name)?.answers.map((answer) => (answer as { data: unknown }).data);
  assert.deepEqual(pointer("5.0.96.10.in-addr.arpa"), ["web.default.svc.cluster.local"]);
  assert.deepEqual(pointer("7.0.244.10.in-addr.arpa"), ["db-0.db.default.svc.cluster.local"]);
  assert.equal(pointer("1.1.1.1.in-addr.arpa"), undefined);
});
