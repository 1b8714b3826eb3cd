import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { cronJobs, jobs } from "../../api/resource-types.ts";
import type { CronJob, CronJobSpec, Job } from "../../api/types/batch.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { cronJobController } from "./controller.ts";
import { parseSchedule } from "./schedule.ts";

const HOUR = 3_600_000;

suite("schedules", () => {
  const cases: [string, string, string | undefined, string | undefined][] = [
    ["*/15 * * * *", "2026-01-01T00:00:00Z", undefined, "2026-01-01T00:15:00Z"],
    ["0 3 * * *", "2026-01-01T03:00:00Z", undefined, "2026-01-02T03:00:00Z"],
    ["30 4 1,15 * *", "2026-01-01T05:00:00Z", undefined, "2026-01-15T04:30:00Z"],
    ["0 0 * * mon-fri", "2026-01-02T12:00:00Z", undefined, "2026-01-05T00:00:00Z"],
    // The day of the month or of the week.
    ["0 0 13 * fri", "2026-01-03T00:00:00Z", undefined, "2026-01-09T00:00:00Z"],
    ["0 0 */2 * fri", "2026-01-03T00:00:00Z", undefined, "2026-01-05T00:00:00Z"],
    ["0 0 29 2 *", "2026-01-01T00:00:00Z", undefined, "2028-02-29T00:00:00Z"],
    ["0 0 31 2 *", "2026-01-01T00:00:00Z", undefined, undefined],
    ["5/20 * * * *", "2026-01-01T00:00:00Z", undefined, "2026-01-01T00:05:00Z"],
    ["0 0 1 jan *", "2026-01-01T00:00:00Z", undefined, "2027-01-01T00:00:00Z"],
    ["@weekly", "2026-01-01T00:00:00Z", undefined, "2026-01-04T00:00:00Z"],
    ["@every 90s", "2026-01-01T00:00:00Z", undefined, "2026-01-01T00:01:30Z"],
    ["0 12 * * *", "2026-01-01T00:00:00Z", "America/New_York", "2026-01-01T17:00:00Z"],
    ["0 12 * * *", "2026-07-01T00:00:00Z", "America/New_York", "2026-07-01T16:00:00Z"],
    ["TZ=Asia/Kolkata 0 0 * * *", "2026-01-01T00:00:00Z", undefined, "2026-01-01T18:30:00Z"],
    // Leapt over: 02:30 does not come on that day.
    ["30 2 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin", "2026-03-30T00:30:00Z"],
    // Gone through twice: the first counts.
    ["30 2 * * *", "2026-10-24T12:00:00Z", "Europe/Berlin", "2026-10-25T00:30:00Z"],
    ["30 2 * * *", "2026-10-25T00:30:00Z", "Europe/Berlin", "2026-10-26T01:30:00Z"],
  ];
  for (const [text, after, zone, expected] of cases) {
    test(`${text} ${zone ?? ""} after ${after}`, () => {
      const next = parseSchedule(text, zone ?? (text.startsWith("TZ=") ? undefined : "UTC")).next(Date.parse(after));
      assert.equal(next === undefined ? undefined : `${new Date(next).toISOString().slice(0, 19)}Z`, expected);
    });
  }
  test("nonsense is refused", () => assert.throws(() => parseSchedule("61 * * * *"), { name: "ScheduleError" }));
});

const hourly = (spec: Partial<CronJobSpec> = {}): CronJob => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: { name: "sum", namespace: "default", uid: "cron" },
  spec: {
    schedule: "0 * * * *",
    timeZone: "UTC",
    concurrencyPolicy: "Allow",
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    jobTemplate: {
      metadata: { labels: { app: "sum" }, annotations: { note: "x" } },
      spec: { template: { spec: { containers: [], restartPolicy: "Never" } } },
    },
    ...spec,
  },
  status: {},
});
const status = (bench: ControllerBench) => bench.fake.peek(cronJobs, "sum", "default")!.status ?? {};
const names = (bench: ControllerBench) => bench.fake.all(jobs).map(({ metadata }) => metadata?.name);
const end = (bench: ControllerBench, job: Job, type: "Complete" | "Failed") => {
  const now = new Date(bench.clock.now()).toISOString();
  const conditions = [{ type, status: "True" }];
  bench.fake.put(jobs, { ...job, status: { startTime: now, completionTime: now, conditions } });
};
/** Minutes since the epoch of 2026-01-01 at `hour`. */
const at = (hour: number) => (Date.UTC(2026, 0, 1) + hour * HOUR) / 60_000;

suite("cronjob controller", () => {
  test("starts a job at each due time, and only then", () =>
    withControllers(cronJobController, { objects: [hourly()] }, async (bench) => {
      assert.deepEqual(names(bench), []);
      await bench.settle(HOUR);
      await bench.settle(1000);
      assert.deepEqual(names(bench), [`sum-${at(1)}`]);
      const [job] = bench.fake.all(jobs);
      assert.deepEqual(job?.metadata?.labels, { app: "sum" });
      assert.deepEqual(job?.metadata?.annotations, {
        note: "x",
        "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T01:00:00Z",
      });
      assert.equal(job?.metadata?.ownerReferences?.[0]?.uid, "cron");
      assert.equal(status(bench).lastScheduleTime, "2026-01-01T01:00:00Z");
      assert.deepEqual(
        status(bench).active?.map(({ kind, name }) => `${kind} ${name}`),
        [`Job sum-${at(1)}`],
      );
      assert.ok(bench.events().includes(`SuccessfulCreate: Created job sum-${at(1)}`));
      bench.fake.clearActions();
      await bench.settle(0.9 * HOUR);
      assert.deepEqual(bench.fake.writes(), []);
      end(bench, job!, "Complete");
      await bench.settle();
      assert.deepEqual(status(bench).active, []);
      assert.ok(status(bench).lastSuccessfulTime);
      assert.ok(bench.events().includes(`SawCompletedJob: Saw completed job: sum-${at(1)}, condition: Complete`));
    }));

  test("of missed times only the last is made up for, and many are told", () =>
    withControllers(
      cronJobController,
      { objects: [{ ...hourly(), metadata: { ...hourly().metadata, creationTimestamp: "2025-12-01T00:00:00Z" } }] },
      async (bench) => {
        assert.deepEqual(names(bench), [`sum-${at(0)}`]);
        assert.ok(bench.events().some((event) => event.startsWith("TooManyMissedTimes: too many missed start times.")));
      },
    ));

  test("too late is not at all", () =>
    withControllers(
      cronJobController,
      {
        objects: [
          {
            ...hourly({ schedule: "30 22 * * *", startingDeadlineSeconds: 600 }),
            metadata: { ...hourly().metadata, creationTimestamp: "2025-12-01T00:00:00Z" },
          },
        ],
      },
      async (bench) => assert.deepEqual(names(bench), []),
    ));

  for (const [policy, left] of [
    ["Allow", [`sum-${at(1)}`, `sum-${at(2)}`]],
    ["Forbid", [`sum-${at(1)}`]],
    ["Replace", [`sum-${at(2)}`]],
  ] as const) {
    test(`concurrency ${policy}`, () =>
      withControllers(cronJobController, { objects: [hourly({ concurrencyPolicy: policy })] }, async (bench) => {
        await bench.settle(HOUR + 1000);
        await bench.settle(HOUR);
        assert.deepEqual(names(bench), left);
        assert.deepEqual(
          status(bench).active?.map(({ name }) => name),
          left,
        );
        const told = bench
          .events()
          .some((event) => event.startsWith("JobAlreadyActive: Not starting job because prior"));
        assert.equal(told, policy === "Forbid");
      }));
  }

  test("suspended it starts none", () =>
    withControllers(cronJobController, { objects: [hourly({ suspend: true })] }, async (bench) => {
      await bench.settle(3 * HOUR);
      assert.deepEqual(names(bench), []);
    }));

  test("finished jobs beyond the limits are forgotten, the oldest first", () =>
    withControllers(cronJobController, { objects: [hourly({ successfulJobsHistoryLimit: 2 })] }, async (bench) => {
      for (let hour = 1; hour <= 5; hour++) {
        await bench.settle(HOUR);
        for (const job of bench.fake.all(jobs).filter((one) => !one.status?.conditions)) {
          end(bench, job, hour <= 3 ? "Complete" : "Failed");
        }
        await bench.settle(100);
      }
      assert.deepEqual(names(bench), [`sum-${at(2)}`, `sum-${at(3)}`, `sum-${at(5)}`]);
    }));

  test("a job from before a crash is taken for its own; somebody else's is left", () => {
    const name = `sum-${at(1)}`;
    const own = { apiVersion: "batch/v1", kind: "CronJob", name: "sum", uid: "cron", controller: true };
    return withControllers(cronJobController, { objects: [hourly()] }, async (bench) => {
      bench.fake.intercept(({ verb, resource }) => {
        if (verb === "create" && resource === "jobs" && bench.fake.all(jobs).length === 0) {
          bench.fake.put(jobs, { metadata: { name, namespace: "default", ownerReferences: [own] } });
        }
      });
      await bench.settle(HOUR + 1000);
      assert.deepEqual(
        status(bench).active?.map((one) => one.name),
        [name],
      );
    });
  });

  test("a schedule that can't be read is told", () =>
    withControllers(cronJobController, { objects: [hourly({ schedule: "nonsense" })] }, async (bench) => {
      assert.match(
        bench.events()[0]!,
        /^UnparseableSchedule: unparseable schedule: "nonsense" : expected exactly 5 fields/,
      );
    }));
});
