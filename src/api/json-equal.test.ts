import assert from "node:assert/strict";
import { test } from "node:test";
import { controllerOf, controllerRef, isControlledBy, isOwnedBy, ownerRef } from "./controller-ref.ts";
import { jsonEqual, semanticEqual } from "./json-equal.ts";

test("equality, exact and semantic", () => {
  const cases: [unknown, unknown, boolean, boolean][] = [
    [1, 1, true, true],
    [1, "1", false, false],
    [{ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }, true, true],
    [{ a: undefined }, {}, true, true],
    [{}, { a: undefined }, true, true],
    [{ a: null }, {}, false, true],
    [{ a: [] }, { a: {} }, false, true],
    [{ a: { b: [] } }, {}, false, true],
    [{ a: 0 }, {}, false, false],
    [{ a: "" }, { a: null }, false, false],
    [[1, 2], [2, 1], false, false],
    [[], {}, false, true],
    [{ toString: 1 }, {}, false, false],
    [{}, { constructor: 1 }, false, false],
    [{ ["__proto__"]: {} }, {}, false, true],
    [{ a: 1 }, { b: 1 }, false, false],
    [[1], { 0: 1 }, false, false],
  ];
  for (const [a, b, exact, semantic] of cases) {
    const text = `${JSON.stringify(a)} ${JSON.stringify(b)}`;
    assert.equal(jsonEqual(a, b), exact, text);
    assert.equal(jsonEqual(b, a), exact, text);
    assert.equal(semanticEqual(a, b), semantic, text);
    assert.equal(semanticEqual(b, a), semantic, text);
  }
});

test("owners", () => {
  const type = { group: "apps", version: "v1", kind: "ReplicaSet" };
  const owner = { metadata: { name: "web", uid: "u1" } };
  const reference = controllerRef(type, owner);
  assert.deepEqual(reference, {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    name: "web",
    uid: "u1",
    controller: true,
    blockOwnerDeletion: true,
  });
  const object = { metadata: { ownerReferences: [{ ...reference, uid: "u0", controller: false }, reference] } };
  assert.equal(controllerOf(object), reference);
  assert.equal(isControlledBy(object, owner), true);
  assert.equal(isControlledBy({ metadata: {} }, {}), false);
  assert.equal(isOwnedBy(object, { metadata: { uid: "u0" } }), true);
  assert.throws(() => ownerRef(type, { metadata: { name: "web" } }), TypeError);
});
