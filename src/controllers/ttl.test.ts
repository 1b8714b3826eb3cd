import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { nodes } from "../api/resource-types.ts";
import type { Node } from "../api/types/core.v1.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import { secondsOf, sizeOf, ttlController } from "./ttl.ts";

const ANNOTATION = "node.alpha.kubernetes.io/ttl";
const node = (index: number): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name: `n${index}` } });

suite("ttl", () => {
  const growing: [number, number][] = [
    [1, 0],
    [100, 0],
    [101, 15],
    [500, 15],
    [501, 30],
    [1001, 60],
    [2001, 300],
    [20_000, 300],
  ];
  for (const [count, seconds] of growing) {
    test(`a cluster that grew to ${count} nodes: ${seconds} s`, () =>
      assert.equal(secondsOf(sizeOf(count, 0)), seconds));
  }
  const shrinking: [number, number][] = [
    [1800, 300],
    [1799, 60],
    [900, 60],
    [450, 30],
    [90, 15],
    [89, 0],
  ];
  for (const [count, seconds] of shrinking) {
    test(`a cluster that shrank to ${count} nodes: ${seconds} s`, () =>
      assert.equal(secondsOf(sizeOf(count, 4)), seconds));
  }

  test("annotates each node, all of them again where the size changes, and settles", () =>
    withControllers(
      ttlController,
      { objects: Array.from({ length: 100 }, (_, index) => node(index)) },
      async ({ fake, settle, assertQuiet }) => {
        const values = () => [...new Set(fake.all(nodes).map(({ metadata }) => metadata?.annotations?.[ANNOTATION]))];
        assert.deepEqual(values(), ["0"]);
        assert.equal(fake.writes().length, 100);
        fake.put(nodes, node(100));
        await settle();
        assert.deepEqual(values(), ["15"]);
        for (let index = 89; index <= 100; index++) fake.remove(nodes, `n${index}`);
        await settle();
        assert.deepEqual(values(), ["0"]);
        await assertQuiet();
      },
    ));
});
