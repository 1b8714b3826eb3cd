import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { pods } from "../api/resource-types.ts";
import type { Pod } from "../api/types/core.v1.ts";
import { silentLogger } from "../base/logger.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { pendingWrites } from "./pending-writes.ts";
import { sharedInformer } from "./shared-informer.ts";

const pod = (resourceVersion: string, rest: Pod["metadata"] = {}): Pod => ({
  metadata: { name: "a", namespace: "default", uid: "u1", resourceVersion, ...rest },
});

function bench() {
  const clock = virtualClock();
  const { informer, target } = sharedInformer(pods, { logger: silentLogger });
  target.replace([pod("5")], "5");
  return { clock, informer, target, pending: pendingWrites(clock) };
}

suite("pending writes", () => {
  test("a write is pending until the copy has reached its version", () => {
    const { informer, target, pending } = bench();
    pending.wrote("k", informer, pod("8"));
    assert.equal(pending.settled("k"), false);
    assert.equal(pending.settled("other"), true);
    target.change("ADDED", { metadata: { name: "b", resourceVersion: "7" } });
    assert.equal(pending.settled("k"), false);
    target.reached!("10");
    assert.equal(pending.settled("k"), true);
  });

  test("a write that was seen before its answer came is not pending", () => {
    const { informer, target, pending } = bench();
    target.change("MODIFIED", pod("8"));
    pending.wrote("k", informer, pod("8"));
    assert.equal(pending.settled("k"), true);
  });

  for (const [how, act] of [
    ["gone", (target: ReturnType<typeof bench>["target"]) => target.change("DELETED", pod("9"))],
    [
      "marked",
      (target: ReturnType<typeof bench>["target"]) =>
        target.change("MODIFIED", pod("9", { deletionTimestamp: "2026-01-01T00:00:00Z" })),
    ],
    ["replaced", (target: ReturnType<typeof bench>["target"]) => target.change("MODIFIED", pod("9", { uid: "u2" }))],
  ] as const) {
    test(`a deletion is pending until the object is ${how}`, () => {
      const { informer, target, pending } = bench();
      pending.deleted("k", informer, pod("5"));
      assert.equal(pending.settled("k"), false);
      target.change("MODIFIED", pod("6"));
      assert.equal(pending.settled("k"), false);
      act(target);
      assert.equal(pending.settled("k"), true);
    });
  }

  test("what never shows is given up after five minutes", async () => {
    const { clock, informer, pending } = bench();
    pending.wrote("k", informer, pod("900"));
    await clock.advance(299_000);
    assert.equal(pending.settled("k"), false);
    await clock.advance(2000);
    assert.equal(pending.settled("k"), true);
  });
});
