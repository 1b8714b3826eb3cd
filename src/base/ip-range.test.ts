import assert from "node:assert/strict";
import { test } from "node:test";
import { contains, covers, formatAddress, overlaps, parseAddress, parseRange } from "./ip-range.ts";

test("addresses are read and written canonically", () => {
  for (const [text, canonical, family] of [
    ["10.0.0.1", "10.0.0.1", "IPv4"],
    ["fd00:0:0:0::1", "fd00::1", "IPv6"],
    ["::", "::", "IPv6"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3", "IPv6"],
    ["::ffff:10.0.0.1", "::ffff:a00:1", "IPv6"],
  ] as const) {
    assert.equal(formatAddress(parseAddress(text), family), canonical);
  }
});

test("a range gives out neither its network's address nor its broadcast address", () => {
  const range = parseRange("10.96.0.7/28");
  const ends = [range.first, range.last].map((address) => formatAddress(address, "IPv4"));
  assert.deepEqual([range.text, ...ends], ["10.96.0.0/28", "10.96.0.1", "10.96.0.14"]);
  const wide = parseRange("fd00::/108");
  assert.equal(wide.last - wide.first + 1n, 2n ** 20n - 1n);
  assert.deepEqual(
    ["10.96.0.0", "10.96.0.1", "10.96.0.14", "10.96.0.15", "10.96.0.16", "::1"].map((text) => contains(range, text)),
    [false, true, true, false, false, false],
  );
  for (const bad of ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.1/32"]) assert.throws(() => parseRange(bad), bad);
});

test("ranges that overlap lie in one another", () => {
  const relation = (a: string, b: string) => {
    const [outer, inner] = [parseRange(a), parseRange(b)];
    return [covers(outer, inner), overlaps(outer, inner)];
  };
  assert.deepEqual(relation("10.0.0.0/8", "10.96.0.0/16"), [true, true]);
  assert.deepEqual(relation("10.96.0.0/16", "10.0.0.0/8"), [false, true]);
  assert.deepEqual(relation("10.96.0.0/16", "10.97.0.0/16"), [false, false]);
  assert.deepEqual(relation("fd00::/64", "fd00::/112"), [true, true]);
  assert.deepEqual(relation("10.0.0.0/8", "a00::/8"), [false, false]);
});
