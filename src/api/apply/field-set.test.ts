import assert from "node:assert/strict";
import { test } from "node:test";
import {
  difference,
  equalSets,
  type FieldSet,
  formatPath,
  intersection,
  parseFieldSet,
  pathsOf,
  recursiveDifference,
  setOfPath,
  union,
} from "./field-set.ts";

const of = (...paths: string[]): FieldSet =>
  paths.reduce<FieldSet>((set, path) => union(set, setOfPath(path.split("/").map((name) => `f:${name}`))), {});
const members = (set: FieldSet) =>
  [...pathsOf(set)].map((path) => path.map((element) => element.slice(2)).join("/")).sort();

test("set algebra on stored sets", () => {
  const cases: [FieldSet, FieldSet, string[], string[], string[], string[]][] = [
    // a, b, union, difference, intersection, recursive difference
    [of("a", "b/c"), of("a", "d"), ["a", "b/c", "d"], ["b/c"], ["a"], ["b/c"]],
    [of("a", "a/b"), of("a"), ["a", "a/b"], ["a/b"], ["a"], []],
    [of("a/b"), of("a"), ["a", "a/b"], ["a/b"], [], []],
    [of("a", "a/b", "a/c"), of("a/b"), ["a", "a/b", "a/c"], ["a", "a/c"], ["a/b"], ["a", "a/c"]],
    [of(), of("a"), ["a"], [], [], []],
    [of("a"), of(), ["a"], ["a"], [], ["a"]],
  ];
  for (const [a, b, both, rest, common, outside] of cases) {
    const text = `${members(a)} ${members(b)}`;
    assert.deepEqual(members(union(a, b)), both, text);
    assert.deepEqual(members(union(b, a)), both, text);
    assert.deepEqual(members(difference(a, b)), rest, text);
    assert.deepEqual(members(intersection(a, b)), common, text);
    assert.deepEqual(members(intersection(b, a)), common, text);
    assert.deepEqual(members(recursiveDifference(a, b)), outside, text);
  }
});

test("what does not change is shared", () => {
  const a = of("a/b", "c/d");
  assert.equal(union(a, of("a/b")), a);
  assert.equal(difference(a, of("x")), a);
  assert.equal(difference(a, of("a/b"))["f:c"], a["f:c"]);
  assert.equal(equalSets(a, of("c/d", "a/b")), true);
  assert.equal(equalSets(a, of("c/d", "a/b", "a")), false);
});

test("paths are printed as upstream does", () => {
  const set = parseFieldSet({
    "f:spec": {
      "f:containers": {
        'k:{"protocol":"TCP", "containerPort":80}': { ".": {}, "f:image": {} },
        'v:"a"': {},
        "i:3": {},
      },
      "f:replicas": {},
    },
  });
  assert.deepEqual([...pathsOf(set)].map(formatPath), [
    ".spec.replicas",
    ".spec.containers[3]",
    '.spec.containers[containerPort=80,protocol="TCP"]',
    '.spec.containers[="a"]',
    '.spec.containers[containerPort=80,protocol="TCP"].image',
  ]);
});

test("what is no set is refused", () => {
  for (const value of [null, [], "x", { "x:a": {} }, { "k:{": {} }, { "i:x": {} }, { "f:a": 5 }]) {
    assert.throws(() => parseFieldSet(value), TypeError, JSON.stringify(value));
  }
});
