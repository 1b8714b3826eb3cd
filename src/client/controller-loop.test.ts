import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { silentLogger } from "../base/logger.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { runControllerLoop } from "./controller-loop.ts";
import { workQueue } from "./rate-limited-queue.ts";

function bench(options: Partial<Parameters<typeof runControllerLoop<string>>[0]>) {
  const clock = virtualClock();
  const queue = workQueue({ clock });
  const stop = new AbortController();
  const done = runControllerLoop<string>({
    name: "test",
    queue,
    clock,
    logger: silentLogger,
    signal: stop.signal,
    reconcile: async () => undefined,
    ...options,
  });
  return { clock, queue, stop, done };
}

suite("controller loop", () => {
  test("a failure comes back with a growing wait, success forgets it", async () => {
    const times: number[] = [];
    let broken = true;
    const { clock, queue, stop, done } = bench({
      reconcile: async () => {
        times.push(clock.monotonic());
        if (broken) throw new Error("not yet");
        return undefined;
      },
    });
    queue.add("a");
    await clock.advance(40);
    assert.deepEqual(times, [0, 5, 15, 35]);
    broken = false;
    await clock.advance(40);
    assert.deepEqual(times, [0, 5, 15, 35, 75]);
    assert.equal(queue.failures("a"), 0);
    await clock.advance(1_000_000);
    assert.equal(times.length, 5);
    stop.abort();
    await done;
  });

  test("a result may ask to be called again", async () => {
    let calls = 0;
    const { clock, queue, stop, done } = bench({
      reconcile: async () => (++calls < 3 ? { requeueAfterMs: 1000 } : undefined),
    });
    queue.add("a");
    await clock.advance(10_000);
    assert.equal(calls, 3);
    stop.abort();
    await done;
  });

  test("several workers, never two on one key", async () => {
    let running = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const { clock, queue, stop, done } = bench({
      workers: 3,
      reconcile: async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => release.push(resolve));
        running--;
        return undefined;
      },
    });
    for (const key of ["a", "b", "c", "d", "a"]) queue.add(key);
    await clock.advance(0);
    assert.equal(most, 3);
    queue.add("a");
    await clock.advance(0);
    assert.equal(release.length, 3);
    for (let i = 0; i < 5; i++) {
      release.shift()?.();
      await clock.advance(0);
    }
    assert.equal(most, 3);
    stop.abort();
    await done;
  });

  test("gives up after maxRetries where asked to", async () => {
    const outcomes: unknown[] = [];
    const { clock, queue, stop, done } = bench({
      maxRetries: 2,
      reconcile: () => Promise.reject(new Error("never")),
      onReconciled: (outcome) => outcomes.push(outcome.error),
    });
    queue.add("a");
    await clock.advance(1_000_000);
    assert.equal(outcomes.length, 3);
    stop.abort();
    await done;
  });

  test("the signal ends workers, and what they run sees it", async () => {
    const { clock, queue, stop, done } = bench({
      reconcile: (_, signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
    });
    queue.add("a");
    queue.add("b");
    await clock.advance(0);
    stop.abort();
    await done;
    assert.equal(clock.pending, 0);
  });
});
