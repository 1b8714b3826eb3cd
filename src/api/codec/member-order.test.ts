import assert from "node:assert/strict";
import { test } from "node:test";
import { struct } from "../schema/schema.ts";
import { inMemberOrder } from "./member-order.ts";

const pod = struct("core.v1.Pod");
const text = (object: object) => JSON.stringify(inMemberOrder(object, pod));

test("members are written in the order of Go's structs, those of maps sorted", () => {
  const given = {
    spec: {
      containers: [{ image: "b", envFrom: [], name: "a", resources: { limits: { memory: "1", cpu: "1" } } }],
      initContainers: [],
    },
    metadata: { labels: { b: "2", a: "1" }, name: "x" },
    apiVersion: "v1",
    kind: "Pod",
  };
  assert.equal(
    text(given),
    JSON.stringify({
      kind: "Pod",
      apiVersion: "v1",
      metadata: { name: "x", labels: { a: "1", b: "2" } },
      spec: {
        initContainers: [],
        containers: [{ name: "a", image: "b", envFrom: [], resources: { limits: { cpu: "1", memory: "1" } } }],
      },
    }),
  );
});

test("what is in order is shared; unknown members come last, and no key is special", () => {
  const given = { kind: "Pod", metadata: { name: "x", annotations: { constructor: "1", z: "2" } } };
  assert.equal(inMemberOrder(given, pod), given);
  assert.equal(text({ other: 1, kind: "Pod" }), '{"kind":"Pod","other":1}');
  const odd = JSON.parse('{"metadata":{"labels":{"b":"1","__proto__":"2"}}}');
  assert.equal(text(odd), '{"metadata":{"labels":{"__proto__":"2","b":"1"}}}');
});
