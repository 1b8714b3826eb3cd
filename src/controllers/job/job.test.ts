import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { jobs, pods } from "../../api/resource-types.ts";
import type { Job, JobSpec } from "../../api/types/batch.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { jobController } from "./controller.ts";
import { recordOutcomes, waitAfterFailures } from "./failure-backoff.ts";
import { formatIndexes, parseIndexes } from "./index-set.ts";
import { judgeFailure, judgeSuccess } from "./policies.ts";

const job = (spec: Partial<JobSpec> = {}, metadata: Job["metadata"] = {}): Job => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "sum", namespace: "default", uid: "job", ...metadata },
  spec: {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: "NonIndexed",
    podReplacementPolicy: "TerminatingOrFailed",
    selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "job" } },
    template: {
      metadata: { labels: { "batch.kubernetes.io/controller-uid": "job" } },
      spec: { containers: [{ name: "c", image: "i" }], restartPolicy: "Never" },
    },
    ...spec,
  },
  status: {},
});
const status = (bench: ControllerBench) => bench.fake.peek(jobs, "sum", "default")?.status ?? {};
const conditions = (bench: ControllerBench) =>
  status(bench)
    .conditions?.filter((one) => one.status === "True")
    .map(({ type, reason }) => `${type} ${reason}`) ?? [];
const alive = (bench: ControllerBench): Pod[] =>
  bench.fake
    .all(pods)
    .filter(
      (pod) =>
        !pod.metadata?.deletionTimestamp &&
        (pod.status?.phase ?? "Pending") !== "Failed" &&
        pod.status?.phase !== "Succeeded",
    );
const end = (
  bench: ControllerBench,
  pod: Pod,
  phase: "Succeeded" | "Failed",
  exitCode = phase === "Failed" ? 1 : 0,
) => {
  const finishedAt = new Date(bench.clock.now()).toISOString();
  bench.fake.put(pods, {
    ...bench.fake.peek(pods, pod.metadata!.name!, "default")!,
    status: {
      phase,
      containerStatuses: [
        {
          name: "c",
          image: "",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode, finishedAt } },
        },
      ],
    },
  });
};
const index = (pod: Pod) => pod.metadata?.annotations?.["batch.kubernetes.io/job-completion-index"];

suite("index sets", () => {
  for (const [text, indexes] of [
    ["", []],
    ["0", [0]],
    ["0,1", [0, 1]],
    ["0-2", [0, 1, 2]],
    ["1,3-5,7", [1, 3, 4, 5, 7]],
  ] as const) {
    test(`"${text}"`, () => {
      assert.deepEqual([...parseIndexes(text, 10)], indexes);
      assert.equal(formatIndexes(new Set(indexes)), text);
    });
  }
  test("indexes beyond the completions are left out", () => assert.deepEqual([...parseIndexes("0-9", 2)], [0, 1]));
});

suite("back-off", () => {
  const failedAt = (second: number): Pod => ({
    status: {
      containerStatuses: [
        {
          name: "c",
          image: "",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 1, finishedAt: new Date(second * 1000).toISOString() } },
        },
      ],
    },
  });
  test("ten seconds, doubled, ten minutes at most, from the last failure on", () => {
    const wait = (failures: number) => waitAfterFailures({ failures, lastFailureMs: 1000 }, 1000);
    assert.deepEqual([0, 1, 2, 3, 7, 20].map(wait), [0, 10_000, 20_000, 40_000, 600_000, 600_000]);
    assert.equal(waitAfterFailures({ failures: 1, lastFailureMs: 0 }, 9000), 1000);
  });
  test("a success starts the count anew", () => {
    const first = recordOutcomes(undefined, [], [failedAt(1), failedAt(2)], 0);
    assert.deepEqual(first, { failures: 2, lastFailureMs: 2000 });
    assert.deepEqual(recordOutcomes(first, [failedAt(3)], [failedAt(4)], 0), { failures: 1, lastFailureMs: 4000 });
    assert.deepEqual(recordOutcomes(first, [failedAt(5)], [failedAt(4)], 0), { failures: 0, lastFailureMs: 2000 });
  });
});

suite("policies", () => {
  const failed = (exitCode: number, condition?: string): Pod => ({
    metadata: { name: "p", namespace: "default" },
    status: {
      phase: "Failed",
      containerStatuses: [
        { name: "c", image: "", imageID: "", ready: false, restartCount: 0, state: { terminated: { exitCode } } },
      ],
      conditions: condition ? [{ type: condition, status: "True" }] : [],
    },
  });
  const one = job({
    podFailurePolicy: {
      rules: [
        { action: "FailJob", onExitCodes: { containerName: "c", operator: "In", values: [42] } },
        { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
        { action: "FailIndex", onExitCodes: { operator: "NotIn", values: [1, 2] } },
      ],
    },
    backoffLimitPerIndex: 1,
  });
  test("the first rule that fits decides", () => {
    assert.deepEqual(judgeFailure(one, failed(42)), {
      action: "FailJob",
      message: "Container c for pod default/p failed with exit code 42 matching FailJob rule at index 0",
    });
    assert.equal(judgeFailure(one, failed(1, "DisruptionTarget")).action, "Ignore");
    assert.equal(judgeFailure(one, failed(7)).action, "FailIndex");
    assert.equal(judgeFailure(one, failed(1)).action, "Count");
  });
  test("success rules", () => {
    const rules = (...list: NonNullable<JobSpec["successPolicy"]>["rules"]) =>
      job({ completions: 9, successPolicy: { rules: list } });
    const got = new Set([0, 1, 5]);
    assert.equal(judgeSuccess(rules({ succeededIndexes: "0-2" }), got), undefined);
    assert.equal(
      judgeSuccess(rules({ succeededIndexes: "0-2" }, { succeededCount: 3 }), got),
      "Matched rules at index 1",
    );
    assert.equal(judgeSuccess(rules({ succeededIndexes: "0-2", succeededCount: 2 }), got), "Matched rules at index 0");
  });
});

suite("job controller", () => {
  test("one pod to its end", () =>
    withControllers(jobController, { objects: [job()] }, async (bench) => {
      const [pod] = alive(bench);
      assert.match(pod!.metadata!.name!, /^sum-[a-z0-9]{5}$/);
      assert.deepEqual(pod!.metadata!.finalizers, ["batch.kubernetes.io/job-tracking"]);
      assert.deepEqual(status(bench), {
        active: 1,
        ready: 0,
        terminating: 0,
        startTime: "2026-01-01T00:00:00Z",
        uncountedTerminatedPods: {},
      });
      end(bench, pod!, "Succeeded");
      await bench.settle();
      assert.deepEqual(conditions(bench), ["SuccessCriteriaMet CompletionsReached", "Complete CompletionsReached"]);
      const { conditions: _, ...counts } = status(bench);
      assert.deepEqual(counts, {
        succeeded: 1,
        ready: 0,
        terminating: 0,
        startTime: "2026-01-01T00:00:00Z",
        completionTime: "2026-01-01T00:00:00Z",
        uncountedTerminatedPods: {},
      });
      assert.deepEqual(bench.fake.all(pods)[0]?.metadata?.finalizers, []);
      assert.ok(bench.events().includes("Completed: Job completed"));
      await bench.assertQuiet();
    }));

  test("no pod is counted before it is noted, nor twice", () =>
    withControllers(jobController, { objects: [job({ completions: 3, parallelism: 3 })] }, async (bench) => {
      let untracked = 0;
      let total = 0;
      bench.fake.intercept(({ verb, resource, subresource, body }) => {
        if (verb === "patch" && resource === "pods") untracked++;
        if (resource !== "jobs" || subresource !== "status") return;
        const { succeeded = 0, uncountedTerminatedPods } = (body as Job).status ?? {};
        const noted = uncountedTerminatedPods?.succeeded?.length ?? 0;
        assert.ok(succeeded <= untracked, "counted before its finalizer was off");
        assert.ok(noted + succeeded >= total, "a note was lost");
        total = noted + succeeded;
        assert.ok(total <= 3, "counted twice");
      });
      for (const pod of alive(bench).slice(0, 2)) end(bench, pod, "Succeeded");
      await bench.settle();
      assert.equal(status(bench).succeeded, 2);
      assert.deepEqual(status(bench).uncountedTerminatedPods, {});
      end(bench, alive(bench)[0]!, "Succeeded");
      await bench.settle();
      assert.equal(status(bench).succeeded, 3);
    }));

  test("failures wait longer and longer, and then are too many", () =>
    withControllers(jobController, { objects: [job({ backoffLimit: 2 })] }, async (bench) => {
      for (const wait of [10_000, 20_000]) {
        end(bench, alive(bench)[0]!, "Failed");
        await bench.settle(wait - 1000);
        assert.equal(alive(bench).length, 0);
        await bench.settle(1000);
        assert.equal(alive(bench).length, 1);
      }
      end(bench, alive(bench)[0]!, "Failed");
      await bench.settle();
      assert.equal(status(bench).failed, 3);
      assert.deepEqual(conditions(bench), ["FailureTarget BackoffLimitExceeded", "Failed BackoffLimitExceeded"]);
      assert.ok(bench.events().includes("BackoffLimitExceeded: Job has reached the specified backoff limit"));
      await bench.assertQuiet();
    }));

  test("the deadline ends it; pods still running are stopped, and count as failed when they are gone", () =>
    withControllers(
      jobController,
      { objects: [job({ parallelism: 2, completions: 2, activeDeadlineSeconds: 60 })] },
      async (bench) => {
        for (const pod of alive(bench)) {
          bench.fake.put(pods, { ...pod, spec: { ...pod.spec!, nodeName: "n" }, status: { phase: "Running" } });
        }
        await bench.settle(59_000);
        assert.deepEqual(conditions(bench), []);
        await bench.settle(1000);
        assert.deepEqual(conditions(bench), ["FailureTarget DeadlineExceeded"]);
        assert.equal(status(bench).terminating, 2);
        for (const pod of bench.fake.all(pods)) bench.fake.remove(pods, pod.metadata!.name!, "default");
        await bench.settle();
        assert.deepEqual(conditions(bench), ["FailureTarget DeadlineExceeded", "Failed DeadlineExceeded"]);
        assert.equal(status(bench).failed, 2);
      },
    ));

  test("suspended it has no pods, resumed it begins again", () =>
    withControllers(
      jobController,
      { objects: [job({ suspend: true, parallelism: 2, completions: 2 })] },
      async (bench) => {
        assert.deepEqual(conditions(bench), ["Suspended JobSuspended"]);
        assert.equal(alive(bench).length, 0);
        assert.equal(status(bench).startTime, undefined);
        const set = (suspend: boolean) => {
          const present = bench.fake.peek(jobs, "sum", "default")!;
          bench.fake.put(jobs, { ...present, spec: { ...present.spec!, suspend } });
        };
        set(false);
        await bench.settle();
        assert.equal(alive(bench).length, 2);
        assert.equal(status(bench).active, 2);
        set(true);
        await bench.settle();
        assert.equal(alive(bench).length, 0);
        assert.equal(status(bench).failed, undefined);
        assert.deepEqual(
          bench.events().filter((event) => /^(Suspended|Resumed)/.test(event)),
          ["Resumed: Job resumed", "Suspended: Job suspended (x2)"],
        );
      },
    ));

  test("without completions, one success is enough when the others have ended", () =>
    withControllers(jobController, { objects: [job({ completions: undefined, parallelism: 3 })] }, async (bench) => {
      const [one, ...others] = alive(bench);
      assert.equal(others.length, 2);
      end(bench, one!, "Succeeded");
      await bench.settle();
      assert.deepEqual(conditions(bench), []);
      for (const pod of others) end(bench, pod, "Failed");
      await bench.settle();
      assert.deepEqual(conditions(bench).at(-1), "Complete CompletionsReached");
      assert.equal(status(bench).failed, 2);
    }));

  test("indexed: each index once, with its name, label and variable", () =>
    withControllers(
      jobController,
      { objects: [job({ completionMode: "Indexed", completions: 3, parallelism: 2 })] },
      async (bench) => {
        assert.deepEqual(alive(bench).map(index), ["0", "1"]);
        const [first] = alive(bench);
        assert.match(first!.metadata!.name!, /^sum-0-[a-z0-9]{5}$/);
        assert.equal(first!.spec!.hostname, "sum-0");
        assert.equal(first!.metadata!.labels?.["batch.kubernetes.io/job-completion-index"], "0");
        assert.equal(first!.spec!.containers[0]!.env?.[0]?.name, "JOB_COMPLETION_INDEX");
        end(bench, first!, "Succeeded");
        await bench.settle();
        assert.equal(status(bench).completedIndexes, "0");
        assert.deepEqual(alive(bench).map(index), ["1", "2"]);
        end(bench, alive(bench)[0]!, "Failed");
        await bench.settle(10_000);
        assert.deepEqual(alive(bench).map(index).sort(), ["1", "2"]);
        for (const pod of alive(bench)) end(bench, pod, "Succeeded");
        await bench.settle();
        assert.equal(status(bench).completedIndexes, "0-2");
        assert.equal(status(bench).succeeded, 3);
        assert.deepEqual(conditions(bench).at(-1), "Complete CompletionsReached");
      },
    ));

  test("failures per index: an index that failed too often does not stop the others", () =>
    withControllers(
      jobController,
      {
        objects: [
          job({
            completionMode: "Indexed",
            completions: 2,
            parallelism: 2,
            backoffLimitPerIndex: 1,
            backoffLimit: 2147483647,
          }),
        ],
      },
      async (bench) => {
        const zero = () => alive(bench).find((pod) => index(pod) === "0");
        end(bench, zero()!, "Failed");
        await bench.settle(9000);
        assert.equal(zero(), undefined);
        await bench.settle(1000);
        assert.equal(zero()?.metadata?.annotations?.["batch.kubernetes.io/job-index-failure-count"], "1");
        end(bench, zero()!, "Failed");
        await bench.settle(60_000);
        assert.equal(zero(), undefined);
        assert.equal(status(bench).failedIndexes, "0");
        assert.deepEqual(conditions(bench), []);
        end(bench, alive(bench)[0]!, "Succeeded");
        await bench.settle();
        assert.equal(status(bench).completedIndexes, "1");
        assert.deepEqual(conditions(bench), ["FailureTarget FailedIndexes", "Failed FailedIndexes"]);
        assert.equal(status(bench).failed, 2);
      },
    ));

  test("the success policy ends it early, and stops the rest without counting them", () =>
    withControllers(
      jobController,
      {
        objects: [
          job({
            completionMode: "Indexed",
            completions: 3,
            parallelism: 3,
            successPolicy: { rules: [{ succeededIndexes: "0" }] },
          }),
        ],
      },
      async (bench) => {
        end(bench, alive(bench)[0]!, "Succeeded");
        await bench.settle();
        assert.deepEqual(conditions(bench), ["SuccessCriteriaMet SuccessPolicy", "Complete SuccessPolicy"]);
        assert.equal(alive(bench).length, 0);
      },
    ));

  test("a failure policy ends the whole job at once", () =>
    withControllers(
      jobController,
      {
        objects: [
          job({
            parallelism: 2,
            completions: 2,
            podReplacementPolicy: "Failed",
            podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [42] } }] },
          }),
        ],
      },
      async (bench) => {
        end(bench, alive(bench)[0]!, "Failed", 42);
        await bench.settle();
        const condition = status(bench).conditions?.find(({ type }) => type === "Failed");
        assert.match(
          condition?.message ?? "",
          /^Container c for pod default\/sum-\w+ failed with exit code 42 matching FailJob rule at index 0$/,
        );
      },
    ));

  test("pods of a job that is gone are let go", () =>
    withControllers(jobController, { objects: [job()] }, async (bench) => {
      const [pod] = alive(bench);
      bench.fake.remove(jobs, "sum", "default");
      await bench.settle();
      assert.deepEqual(bench.fake.peek(pods, pod!.metadata!.name!, "default")?.metadata?.finalizers, []);
    }));

  test("somebody else's jobs are left alone", () =>
    withControllers(jobController, { objects: [job({ managedBy: "example.com/other" })] }, async (bench) => {
      assert.equal(bench.fake.all(pods).length, 0);
      assert.deepEqual(status(bench), {});
    }));
});
