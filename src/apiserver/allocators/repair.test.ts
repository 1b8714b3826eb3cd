import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../../api/types/core.v1.ts";
import type { IPAddress } from "../../api/types/networking.v1.ts";
import { parseRange } from "../../base/ip-range.ts";
import { GRACE_MS, planRepairs } from "./address-repair.ts";
import { addressObject } from "./cluster-ips.ts";
import { planPortRepair } from "./port-repair.ts";

const NOW = Date.parse("2026-01-01T01:00:00Z");
const service = (name: string, clusterIPs: string[], nodePorts: number[] = []): Service => ({
  metadata: { name, namespace: "default" },
  spec: { clusterIPs, clusterIP: clusterIPs[0]!, ports: nodePorts.map((nodePort) => ({ port: 80, nodePort })) },
});
const address = (name: string, of: string, ageMs = GRACE_MS + 1): IPAddress => {
  const object = addressObject(name, service(of, []));
  const creationTimestamp = new Date(NOW - ageMs).toISOString();
  return { ...object, metadata: { ...object.metadata, creationTimestamp, uid: name } } as IPAddress;
};
const plan = (services: Service[], addresses: IPAddress[]) =>
  planRepairs({ services, addresses, ranges: [parseRange("10.0.0.0/24"), parseRange("fd00::/112")], now: NOW }).map(
    ({ action, address, reason, message }) => [action, address, reason, message],
  );

test("what is as it should be is left alone", () => {
  const services = [service("a", ["10.0.0.1", "fd00:0::1"]), service("headless", ["None"]), service("external", [])];
  assert.deepEqual(plan(services, [address("10.0.0.1", "a"), address("fd00::1", "a")]), []);
});

test("a Service without its address gets it", () => {
  assert.deepEqual(plan([service("a", ["10.0.0.1"])], []), [
    ["create", "10.0.0.1", "ClusterIPNotAllocated", "Cluster IP [IPv4]: 10.0.0.1 is not allocated; repairing"],
  ]);
});

test("an address that names nobody, or somebody else who does not have it, is given to the Service that has it", () => {
  const wrong = "the ClusterIP [IPv4]: 10.0.0.1 for Service default/a has a wrong reference; repairing";
  for (const other of ["gone", "b"]) {
    const services = [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])];
    assert.deepEqual(plan(services, [address("10.0.0.1", other), address("10.0.0.2", "b")]), [
      ["recreate", "10.0.0.1", "ClusterIPNotAllocated", wrong],
    ]);
  }
});

test("two Services with one address are told of: nothing can be done for them", () => {
  const services = [service("a", ["10.0.0.1"]), service("b", ["10.0.0.1"])];
  const message = "Cluster IP [IPv4]:10.0.0.1 was assigned to multiple services; please recreate service";
  assert.deepEqual(plan(services, [address("10.0.0.1", "a")]), [
    ["report", "10.0.0.1", "ClusterIPAlreadyAllocated", message],
  ]);
});

test("an address outside of all ranges is told of", () => {
  const message = "Cluster IP [IPv4]: 10.1.0.1 is not within any configured Service CIDR; please recreate service";
  assert.deepEqual(plan([service("a", ["10.1.0.1"])], []), [["report", "10.1.0.1", "ClusterIPOutOfRange", message]]);
});

test("an address that leaked goes, once no request can be about it any more", () => {
  const leaked = "IPAddress: 10.0.0.9 for Service default/gone appears to have leaked: cleaning up";
  assert.deepEqual(plan([], [address("10.0.0.9", "gone")]), [["delete", "10.0.0.9", "IPAddressNotAllocated", leaked]]);
  assert.deepEqual(plan([], [address("10.0.0.9", "gone", GRACE_MS)]), []);
  const wrong = "IPAddress: 10.0.0.9 for Service default/a has a wrong reference; cleaning up";
  const services = [service("a", ["10.0.0.1"])];
  assert.deepEqual(plan(services, [address("10.0.0.1", "a"), address("10.0.0.9", "a")]), [
    ["delete", "10.0.0.9", "IPAddressWrongReference", wrong],
  ]);
  const foreign = address("10.0.0.9", "gone");
  assert.deepEqual(plan([], [{ ...foreign, metadata: { ...foreign.metadata, labels: {} } } as IPAddress]), []);
});

test("node ports: what is missing is taken, what leaked is given free after some sightings", () => {
  const range = { first: 30000, last: 30100 };
  const services = [service("a", [], [30001, 30001]), service("b", [], [30001, 30002]), service("c", [], [80])];
  let suspects: ReadonlyMap<number, number> = new Map();
  const taken = new Set([30001, 30050]);
  const first = planPortRepair({ services, taken, range, suspects });
  assert.deepEqual(first.missing, [30002]);
  assert.deepEqual(
    first.findings.map(({ service, message }) => `${service.metadata?.name}: ${message}`),
    [
      "b: Port 30001 was assigned to multiple services; please recreate service",
      "b: Port 30002 is not allocated; repairing",
      "c: Port 80 is not within the port range 30000-30100; please recreate service",
    ],
  );
  const leaks: number[][] = [];
  for (let round = 0; round < 4; round++) {
    const { leaked, suspects: next } = planPortRepair({ services: [], taken: new Set([30050]), range, suspects });
    leaks.push([...leaked]);
    suspects = next;
  }
  assert.deepEqual(leaks, [[], [], [], [30050]]);
});
