import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "./random.ts";
import { compareBytes, prefixEnd, SortedMap } from "./sorted-map.ts";

const inBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

test("behaves like a sorted array of entries under random changes", () => {
  const random = seededRandom(7);
  const map = new SortedMap<number>();
  const model = new Map<string, number>();
  const name = () => `k${Math.floor(random.next() * 3000)}`;
  for (let step = 0; step < 20_000; step++) {
    const key = name();
    if (random.next() < (step < 10_000 ? 0.7 : 0.35)) {
      assert.equal(map.set(key, step), model.get(key));
      model.set(key, step);
    } else {
      assert.equal(map.delete(key), model.get(key));
      model.delete(key);
    }
    if (step % 500 !== 0) continue;
    const [from, to] = [name(), random.next() < 0.2 ? undefined : name()];
    const expected = [...model]
      .filter(([k]) => k >= from && (to === undefined || k < to))
      .sort((a, b) => inBytes(a[0], b[0]));
    const seen: [string, number][] = [];
    map.scan(from, to, (value, k) => {
      seen.push([k, value]);
      return undefined;
    });
    assert.deepEqual(seen, expected);
    assert.equal(map.count(from, to), expected.length);
    assert.equal(map.size, model.size);
    const probe = name();
    assert.equal(map.get(probe), model.get(probe));
  }
});

test("a scan stops where the visitor says so", () => {
  const map = new SortedMap<number>();
  for (let i = 0; i < 1000; i++) map.set(String(i).padStart(4, "0"), i);
  const seen: number[] = [];
  map.scan("0250", undefined, (value) => {
    seen.push(value);
    return seen.length < 300;
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 300 }, (_, i) => 250 + i),
  );
});

test("keys beyond the basic plane come in byte order, not in UTF-16 order", () => {
  const keys = ["a", "é", "\ud7ff", "\ue000", "\uffee", "\u{1f600}", "\u{10ffff}", "\u{1f600}x"];
  const map = new SortedMap<number>();
  for (const key of [...keys].reverse()) map.set(key, 0);
  const seen: string[] = [];
  map.scan("", undefined, (_, key) => {
    seen.push(key);
    return undefined;
  });
  assert.deepEqual(seen, [...keys].sort(inBytes));
  for (const a of keys) for (const b of keys) assert.equal(Math.sign(compareBytes(a, b)), inBytes(a, b));
});

test("the end of a prefix is the first string behind all that start with it", () => {
  assert.equal(prefixEnd("/registry/pods/"), "/registry/pods0");
  assert.equal(prefixEnd("a\ud7ff"), "a\ue000");
  assert.equal(prefixEnd("a\u{10ffff}"), "b");
  assert.equal(prefixEnd(""), undefined);
  assert.equal(prefixEnd("\u{10ffff}"), undefined);
});
