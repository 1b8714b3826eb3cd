import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../../base/virtual-clock.ts";
import { backoff } from "./backoff.ts";

test("delays double up to the longest, and start over after a quiet time", async () => {
  const clock = virtualClock(0);
  const delays = backoff(clock, 10_000, 300_000);
  const seen: number[] = [];
  assert.equal(delays.waitUntil("k", 0, 0), undefined);
  for (let crash = 0; crash < 7; crash++) {
    delays.next("k", clock.now());
    const waiting = delays.waitUntil("k", clock.now(), clock.now())!;
    seen.push(waiting.delayMs / 1000);
    await clock.advance(waiting.delayMs);
    assert.equal(delays.waitUntil("k", clock.now() - waiting.delayMs, clock.now()), undefined);
  }
  assert.deepEqual(seen, [10, 20, 40, 80, 160, 300, 300]);
  await clock.advance(600_001);
  assert.equal(delays.waitUntil("k", clock.now(), clock.now()), undefined);
  delays.next("k", clock.now());
  assert.equal(delays.waitUntil("k", clock.now(), clock.now())?.delayMs, 10_000);
});
