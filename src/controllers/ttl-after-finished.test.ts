import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { jobs } from "../api/resource-types.ts";
import type { Job } from "../api/types/batch.v1.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import { ttlAfterFinishedController } from "./ttl-after-finished.ts";

const job = (ttl: number | undefined, finished = true): Job => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "sum", namespace: "default" },
  spec: { template: {}, ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }) },
  status: finished
    ? { conditions: [{ type: "Complete", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }] }
    : {},
});

suite("ttl after finished", () => {
  test("a finished job goes when its time is over, and takes its pods along", () =>
    withControllers(ttlAfterFinishedController, { objects: [job(100)] }, async ({ fake, settle }) => {
      await settle(99_000);
      assert.equal(fake.all(jobs).length, 1);
      await settle(1000);
      const removal = fake.writes()[0]?.body as { propagationPolicy: string };
      assert.equal(removal.propagationPolicy, "Foreground");
      assert.ok(fake.peek(jobs, "sum", "default")?.metadata?.deletionTimestamp);
    }));

  for (const [what, one] of [
    ["that still runs", job(0, false)],
    ["without a time to live", job(undefined)],
  ] as const) {
    test(`a job ${what} stays`, () =>
      withControllers(ttlAfterFinishedController, { objects: [one] }, async (bench) => {
        await bench.assertQuiet();
        assert.equal(bench.fake.all(jobs).length, 1);
      }));
  }

  test("a time that was prolonged counts, even if the cache does not know it yet", () =>
    withControllers(ttlAfterFinishedController, { objects: [job(100)] }, async ({ fake, settle }) => {
      fake.intercept(({ verb }) => {
        if (verb === "get" && fake.peek(jobs, "sum", "default")?.spec?.ttlSecondsAfterFinished === 100) {
          fake.put(jobs, job(1000));
        }
      });
      await settle(101_000);
      assert.equal(fake.peek(jobs, "sum", "default")?.metadata?.deletionTimestamp, undefined);
      await settle(900_000);
      assert.ok(fake.peek(jobs, "sum", "default")?.metadata?.deletionTimestamp);
    }));
});
