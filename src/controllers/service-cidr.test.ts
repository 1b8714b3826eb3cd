import assert from "node:assert/strict";
import { test } from "node:test";
import type { IPAddress, ServiceCIDR } from "../api/types/networking.v1.ts";
import { decide } from "./service-cidr.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
const NOW = Date.parse("2026-01-01T00:01:00Z");
const cidr = (name: string, cidrs: string[], more: { deleted?: string; bare?: boolean; ready?: string } = {}) =>
  ({
    metadata: {
      name,
      ...(more.bare ? {} : { finalizers: [FINALIZER] }),
      ...(more.deleted ? { deletionTimestamp: more.deleted } : {}),
    },
    spec: { cidrs },
    status: more.ready
      ? { conditions: [{ type: "Ready", status: more.ready, reason: more.ready === "False" ? "Terminating" : "" }] }
      : {},
  }) as ServiceCIDR;
const address = (name: string, managedBy = "ipallocator.k8s.io") =>
  ({
    metadata: { name, labels: { "ipaddress.kubernetes.io/managed-by": managedBy } },
    spec: {},
  }) as unknown as IPAddress;

const LONG_AGO = "2026-01-01T00:00:00Z";
const JUST_NOW = "2026-01-01T00:00:55Z";
const leaving = (cidrs = ["10.0.0.0/24"], deleted = LONG_AGO) => cidr("a", cidrs, { deleted, ready: "True" });

for (const [what, self, others, addresses, verdict] of [
  ["a new range gets the finalizer first", cidr("a", ["10.0.0.0/24"], { bare: true }), [], [], "add-finalizer"],
  ["then it is ready", cidr("a", ["10.0.0.0/24"]), [], [], "set-ready"],
  ["and stays so", cidr("a", ["10.0.0.0/24"], { ready: "True" }), [], [], "nothing"],
  ["one that nobody uses goes", leaving(), [], [], "remove-finalizer"],
  ["but not at once", leaving(undefined, JUST_NOW), [], [], "wait"],
  ["one with addresses stays", leaving(), [], [address("10.0.0.7")], "set-terminating"],
  [
    "and says so once",
    cidr("a", ["10.0.0.0/24"], { deleted: LONG_AGO, ready: "False" }),
    [],
    [address("10.0.0.7")],
    "nothing",
  ],
  [
    "addresses of others don't count",
    leaving(),
    [],
    [address("10.0.0.7", "me"), address("10.0.1.7")],
    "remove-finalizer",
  ],
  ["a wider one takes over", leaving(), [cidr("b", ["10.0.0.0/16"])], [address("10.0.0.7")], "remove-finalizer"],
  ["a twin takes over", leaving(), [cidr("b", ["10.0.0.0/24"])], [address("10.0.0.7")], "remove-finalizer"],
  [
    "a narrower one only where it has them all",
    leaving(),
    [cidr("b", ["10.0.0.0/28"])],
    [address("10.0.0.7")],
    "remove-finalizer",
  ],
  ["otherwise not", leaving(), [cidr("b", ["10.0.0.0/28"])], [address("10.0.0.77")], "set-terminating"],
  [
    "both families count",
    leaving(["10.0.0.0/24", "fd00::/112"]),
    [cidr("b", ["10.0.0.0/16"])],
    [address("fd00::7")],
    "set-terminating",
  ],
  [
    "without the finalizer nothing is left to do",
    cidr("a", ["10.0.0.0/24"], { bare: true, deleted: LONG_AGO }),
    [],
    [],
    "nothing",
  ],
] as [string, ServiceCIDR, ServiceCIDR[], IPAddress[], string][]) {
  test(what, () => assert.equal(decide(self, [self, ...others], addresses, NOW).do, verdict));
}
