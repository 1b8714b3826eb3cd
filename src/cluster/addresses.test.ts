import assert from "node:assert/strict";
import { test } from "node:test";
import { addressPlan, freeSlot, MAX_CLUSTERS, nodeAddresses } from "./addresses.ts";

test("slot 0 has the well-known ranges", () => {
  assert.equal(addressPlan(0).podCidr, "10.244.0.0/16");
  assert.equal(addressPlan(0).dnsServiceAddress, "10.96.0.10");
  assert.deepEqual(nodeAddresses(addressPlan(2), 1), { address: "10.80.2.3", podCidr: "10.246.1.0/24" });
});

test("a slot is skipped where another cluster or a route of the host is in the way", () => {
  assert.equal(freeSlot([], ["default", "172.17.0.0/16"]), 0);
  assert.equal(freeSlot([0], ["10.245.3.0/24"]), 2);
  assert.equal(freeSlot([0, 1], ["10.98.0.0/24", "10.80.3.1"]), 4);
  assert.throws(
    () =>
      freeSlot(
        Array.from({ length: MAX_CLUSTERS }, (_, slot) => slot),
        [],
      ),
    /no address range is free/,
  );
  assert.throws(() => freeSlot([], ["10.0.0.0/8"]), /overlap/);
});
