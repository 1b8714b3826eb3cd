import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import { decodeAllocation, encodeAllocation, freePort, parsePortRange } from "./port-allocation.ts";

test("port ranges are read as upstream reads them", () => {
  assert.deepEqual(parsePortRange("30000-32767"), { first: 30000, last: 32767 });
  assert.deepEqual(parsePortRange("30000+5"), { first: 30000, last: 30005 });
  for (const bad of ["", "2-1", "0-5", "1-70000"]) assert.throws(() => parsePortRange(bad), bad);
});

test("an allocation is stored as upstream stores it, and comes back", () => {
  const range = { first: 30000, last: 32767 };
  const taken = new Set([30000, 30009, 32767]);
  const value = encodeAllocation({ range, taken });
  const { data, ...rest } = JSON.parse(Buffer.from(value).toString());
  assert.deepEqual(rest, { kind: "RangeAllocation", apiVersion: "v1", metadata: {}, range: "30000-32767" });
  // The bytes of 2^2767 + 2^9 + 2^0.
  assert.equal(Buffer.from(data, "base64").toString("hex"), (2n ** 2767n + 2n ** 9n + 1n).toString(16));
  assert.deepEqual(decodeAllocation(value, range)?.taken, taken);
  assert.equal(decodeAllocation(value, { first: 30000, last: 32000 }), undefined);
  const none = encodeAllocation({ range, taken: new Set() });
  assert.deepEqual(decodeAllocation(none, range)?.taken, new Set());
});

test("ports for everybody come from above those kept for choices, until they are used up", () => {
  const random = seededRandom(1);
  const range = { first: 30000, last: 30099 };
  const taken = new Set<number>();
  const order: number[] = [];
  for (let port = freePort(range, taken, random.next()); port; port = freePort(range, taken, random.next())) {
    taken.add(port);
    order.push(port);
  }
  assert.equal(order.length, 100);
  assert.ok(order.slice(0, 84).every((port) => port >= 30016));
  assert.ok(order.slice(84).every((port) => port < 30016));
});
