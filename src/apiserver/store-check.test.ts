import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../base/virtual-clock.ts";
import { storeCheck } from "./store-check.ts";

test("a store that is silent for two seconds is not healthy; one that answers late is again", async () => {
  const clock = virtualClock();
  const waiting: ((revision: number) => void)[] = [];
  const check = storeCheck({ revision: () => new Promise((resolve) => void waiting.push(resolve)) }, clock);
  const both = [check(), check()].map((one) => assert.rejects(one, /did not answer within 2 s/));
  assert.equal(waiting.length, 1);
  await clock.advance(2_000);
  await Promise.all(both);
  const again = check();
  waiting[1]!(7);
  await again;
  assert.equal(clock.pending, 0);
  const failing = storeCheck({ revision: () => Promise.reject(new Error("gone")) }, clock);
  await assert.rejects(failing(), /gone/);
});
