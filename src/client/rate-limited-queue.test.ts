import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { virtualClock } from "../base/virtual-clock.ts";
import { workQueue } from "./rate-limited-queue.ts";
import { controllerRateLimiter, exponentialPerItem, overallBucket } from "./rate-limiter.ts";

suite("work queue", () => {
  test("a waiting key is there once", async () => {
    const queue = workQueue({ clock: virtualClock() });
    queue.add("a");
    queue.add("b");
    queue.add("a");
    assert.equal(queue.length, 2);
    assert.deepEqual([await queue.get(), await queue.get()], ["a", "b"]);
  });

  test("a key is never with two workers: added meanwhile, it comes back after done", async () => {
    const queue = workQueue({ clock: virtualClock() });
    queue.add("a");
    await queue.get();
    queue.add("a");
    queue.add("a");
    assert.equal(queue.length, 0);
    let second: string | undefined;
    const waiting = queue.get().then((key) => {
      second = key;
    });
    await Promise.resolve();
    assert.equal(second, undefined);
    queue.done("a");
    await waiting;
    assert.equal(second, "a");
    queue.done("a");
    assert.equal(queue.length, 0);
  });

  test("delayed keys come in time, the earlier of two times counts", async () => {
    const clock = virtualClock();
    const queue = workQueue({ clock });
    queue.addAfter("a", 100);
    queue.addAfter("a", 50);
    queue.addAfter("a", 70);
    queue.addAfter("b", 60);
    await clock.advance(49);
    assert.equal(queue.length, 0);
    await clock.advance(1);
    assert.equal(await queue.get(), "a");
    await clock.advance(10);
    assert.equal(await queue.get(), "b");
    queue.done("a");
    await clock.advance(100);
    assert.equal(queue.length, 0);
    assert.equal(clock.pending, 0);
  });

  test("failures of a key double its wait until it is forgotten", async () => {
    const clock = virtualClock();
    const queue = workQueue({ clock });
    for (const wait of [5, 10, 20]) {
      queue.addRateLimited("a");
      await clock.advance(wait - 1);
      assert.equal(queue.length, 0);
      await clock.advance(1);
      queue.done((await queue.get())!);
    }
    assert.equal(queue.failures("a"), 3);
    queue.forget("a");
    assert.equal(queue.failures("a"), 0);
  });

  test("after shutDown nothing is taken, what waits is drained, and workers end", async () => {
    const clock = virtualClock();
    const queue = workQueue({ clock });
    queue.add("a");
    queue.addAfter("late", 10);
    queue.shutDown();
    queue.add("b");
    assert.equal(await queue.get(), "a");
    const end = queue.get();
    queue.done("a");
    assert.equal(await end, undefined);
    assert.equal(await queue.get(), undefined);
    assert.equal(clock.pending, 0);
  });

  test("a key that became dirty before shutDown is still drained", async () => {
    const queue = workQueue({ clock: virtualClock() });
    queue.add("a");
    await queue.get();
    queue.add("a");
    queue.shutDown();
    const again = queue.get();
    queue.done("a");
    assert.equal(await again, "a");
    queue.done("a");
    assert.equal(await queue.get(), undefined);
  });
});

suite("rate limiters", () => {
  test("per item the wait is capped", () => {
    const limiter = exponentialPerItem<string>(5, 1_000_000);
    const waits = Array.from({ length: 30 }, () => limiter.delay("a"));
    assert.deepEqual(waits.slice(0, 4), [5, 10, 20, 40]);
    assert.equal(waits.at(-1), 1_000_000);
    assert.equal(limiter.delay("b"), 5);
  });

  test("the bucket gives a burst, then a rate", async () => {
    const clock = virtualClock();
    const bucket = overallBucket<string>(clock, 10, 3);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => bucket.delay("x")),
      [0, 0, 0, 100, 200],
    );
    await clock.advance(1000);
    assert.equal(bucket.delay("x"), 0);
  });

  test("the controllers' limiter takes the longer wait", () => {
    const limiter = controllerRateLimiter<number>(virtualClock());
    for (let key = 0; key < 100; key++) assert.equal(limiter.delay(key), 5);
    assert.equal(limiter.delay(100), 100);
  });
});
