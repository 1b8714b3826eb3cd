import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../../object.ts";
import type { Service } from "../../types/core.v1.ts";
import { changed, checkCreate, checkUpdate, context, updateErrors } from "../validation.fixture.ts";
import { service as definition } from "./service.ts";

const allocated = {
  clusterIP: "10.96.0.7",
  clusterIPs: ["10.96.0.7"],
  ipFamilies: ["IPv4"],
  ipFamilyPolicy: "SingleStack",
};
const service = {
  metadata: { name: "web", namespace: "ns", resourceVersion: "1" },
  spec: { ...allocated, selector: { app: "web" }, ports: [{ port: 80 }] },
};
const nodePort = changed(
  changed(service, ["spec", "type"], "NodePort"),
  ["spec", "ports"],
  [{ port: 80, nodePort: 30080 }],
);
const spec = (...path: (string | number)[]) => ["spec", ...path];

test("services", () => {
  checkCreate("", "services", service, [
    [spec("ports"), [], "spec.ports: Required value"],
    [
      spec("ports"),
      [{ port: 0, targetPort: 8080 }],
      "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
    ],
    [spec("ports"), [{ port: 80 }, { port: 81, name: "b" }], "spec.ports[0].name: Required value"],
    [
      spec("ports"),
      [
        { port: 80, name: "a" },
        { port: 80, name: "b" },
      ],
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
    [
      spec("ports"),
      [{ port: 80, protocol: "ICMP" }],
      'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      spec("type"),
      "Other",
      'spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      spec("sessionAffinity"),
      "Cookie",
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ],
    [
      spec("externalIPs"),
      ["127.0.0.1"],
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      spec("clusterIPs"),
      ["10.96.0.8"],
      'spec.clusterIPs: Invalid value: ["10.96.0.8"]: first value must match `clusterIP`',
    ],
    [
      spec("loadBalancerClass"),
      "a.io/b",
      "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      spec("loadBalancerSourceRanges"),
      ["10.0.0.0/8"],
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      spec("externalTrafficPolicy"),
      "Local",
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      spec("internalTrafficPolicy"),
      "Far",
      'spec.internalTrafficPolicy: Unsupported value: "Far": supported values: "Cluster", "Local"',
    ],
    [
      spec("trafficDistribution"),
      "Far",
      'spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
    ],
    [
      spec("ports", 0, "nodePort"),
      30000,
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
  ]);
  checkCreate("", "services", { metadata: service.metadata, spec: { type: "ExternalName", externalName: "a.b" } }, [
    [spec("externalName"), "", "spec.externalName: Required value"],
    [spec("clusterIPs"), ["10.0.0.1"], "spec.clusterIPs: Forbidden: may not be set for ExternalName services"],
  ]);
});

test("updates of services", () => {
  checkUpdate("", "services", service, [
    [spec("selector"), { app: "db" }],
    [spec("ports", 0, "port"), 81],
    [spec("clusterIP"), "10.96.0.9", 'spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set'],
    [spec("type"), "ExternalName", "spec.externalName: Required value"],
  ]);
  const cleared = changed(changed(service, ["spec", "clusterIP"], undefined), ["spec", "clusterIPs"], undefined);
  assert.deepEqual(updateErrors("", "services", service, cleared), [], "what was allocated may be left out");
  const balanced = changed(nodePort, ["spec", "type"], "LoadBalancer");
  checkUpdate("", "services", changed(balanced, ["spec", "loadBalancerClass"], "a.io/b"), [
    [spec("loadBalancerClass"), "a.io/c", 'spec.loadBalancerClass: Invalid value: "a.io/c": may not change once set'],
  ]);
});

test("a service that becomes another type gives back what only its old type had", () => {
  const update = (old: object, object: object) => {
    const [before, after] = [old, object].map((one) => {
      const copy = structuredClone(one) as Service;
      definition.defaults!(copy as UnknownObject);
      return copy;
    }) as [Service, Service];
    definition.prepareForUpdate!(after as UnknownObject, before as UnknownObject, context);
    return after.spec!;
  };
  assert.equal(update(nodePort, changed(nodePort, ["spec", "type"], "ClusterIP")).ports![0]!.nodePort, undefined);
  const external = update(nodePort, {
    ...nodePort,
    spec: { ...nodePort.spec, type: "ExternalName", externalName: "a.b" },
  });
  assert.equal(external.clusterIP, undefined);
  assert.equal(external.clusterIPs, undefined);
  assert.equal(external.ports![0]!.nodePort, undefined);
  const kept = changed(nodePort, ["spec", "ports"], [{ port: 80 }]);
  assert.equal(update(nodePort, kept).ports![0]!.nodePort, 30080, "a client that left the port out keeps it");
});

test("the status of a load balancer", () => {
  const balanced = changed(nodePort, ["spec", "type"], "LoadBalancer");
  const ingress = "status.loadBalancer.ingress";
  const status = (value: object[]) => [["status"], { loadBalancer: { ingress: value } }] as const;
  checkUpdate(
    "",
    "services",
    balanced,
    [
      [...status([{ ip: "192.0.2.1" }])],
      [
        ...status([{ ip: "x" }]),
        `${ingress}[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`,
      ],
      [
        ...status([{ hostname: "1.2.3.4" }]),
        `${ingress}[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`,
      ],
    ],
    "status",
  );
  checkUpdate(
    "",
    "services",
    service,
    [
      [
        ...status([{ ip: "192.0.2.1" }]),
        `${ingress}: Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
      ],
    ],
    "status",
  );
});
