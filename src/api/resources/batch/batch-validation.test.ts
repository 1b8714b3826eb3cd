import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreate, checkUpdate, updateErrors } from "../validation.fixture.ts";
import { cronProblem } from "./cron-format.ts";
import { job as jobDefinition } from "./job.ts";

const template = { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "busybox" }] } };
const job = { metadata: { name: "j", namespace: "ns", uid: "u-1", resourceVersion: "1" }, spec: { template } };
const indexed = { ...job, spec: { ...job.spec, completionMode: "Indexed", completions: 3, parallelism: 3 } };
const spec = (...path: (string | number)[]) => ["spec", ...path];
const negative = (field: string) => `${field}: Invalid value: -1: must be greater than or equal to 0`;

test("jobs", () => {
  const policy = "spec.podFailurePolicy.rules[0]";
  checkCreate("batch", "jobs", job, [
    ...["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"].map(
      (name) => [spec(name), -1, negative(`spec.${name}`)] as [string[], number, string],
    ),
    [
      spec("template", "spec", "restartPolicy"),
      "Always",
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [
      spec("completionMode"),
      "Each",
      'spec.completionMode: Unsupported value: "Each": supported values: "Indexed", "NonIndexed"',
    ],
    [
      ["spec"],
      { template, parallelism: 1, completionMode: "Indexed" },
      "spec.completions: Required value: when completion mode is Indexed",
    ],
    [spec("backoffLimitPerIndex"), 1, "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    [
      spec("managedBy"),
      "me",
      'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      spec("podFailurePolicy"),
      { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [0] } }] },
      `${policy}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator`,
    ],
    [
      spec("podFailurePolicy"),
      { rules: [{ action: "Retry" }] },
      `${policy}.action: Unsupported value: "Retry": supported values: "Count", "FailIndex", "FailJob", "Ignore"`,
      `${policy}: Invalid value: "": specifying one of OnExitCodes and OnPodConditions is required`,
    ],
    [
      spec("podFailurePolicy"),
      { rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }] },
    ],
    [spec("podReplacementPolicy"), "Failed"],
    [
      spec("successPolicy"),
      { rules: [{ succeededCount: 1 }] },
      'spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode',
    ],
  ]);
  const rule = "spec.successPolicy.rules[0]";
  checkCreate("batch", "jobs", indexed, [
    [spec("successPolicy"), { rules: [{ succeededIndexes: "0-1" }] }],
    [
      spec("successPolicy"),
      { rules: [{ succeededIndexes: "0-9" }] },
      `${rule}.succeededIndexes: Invalid value: "0-9": error parsing succeededIndexes: too large index: "9"`,
    ],
    [
      spec("successPolicy"),
      { rules: [{ succeededIndexes: "0", succeededCount: 2 }] },
      `${rule}.succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)`,
    ],
    [spec("maxFailedIndexes"), 1, "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"],
    [
      ["metadata", "name"],
      "x".repeat(63),
      `metadata.name: Invalid value: "${"x".repeat(63)}": will not able to create pod with invalid DNS label: ${"x".repeat(63)}-2`,
    ],
  ]);
});

test("updates of jobs", () => {
  const made = {
    ...job,
    spec: {
      parallelism: 1,
      completions: 1,
      selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "u-1" } },
      template: {
        ...template,
        metadata: {
          labels: {
            "batch.kubernetes.io/controller-uid": "u-1",
            "batch.kubernetes.io/job-name": "j",
            "controller-uid": "u-1",
            "job-name": "j",
          },
        },
      },
    },
  };
  checkUpdate("batch", "jobs", made, [
    [spec("parallelism"), 5],
    [spec("suspend"), true],
    [spec("completions"), 5, "spec.completions: Invalid value: 5: field is immutable"],
    [spec("completionMode"), "Indexed", 'spec.completionMode: Invalid value: "Indexed": field is immutable'],
  ]);
  const image = changed(made, ["spec", "template", "spec", "containers", 0, "image"], "other");
  assert.match(
    updateErrors("batch", "jobs", made, image).join(),
    /^spec\.template: Invalid value: .*: field is immutable$/,
  );
  const suspended = changed(made, ["spec", "suspend"], true);
  const placed = changed(suspended, ["spec", "template", "spec", "nodeSelector"], { disk: "ssd" });
  assert.deepEqual(updateErrors("batch", "jobs", suspended, placed), [], "where a job that has not begun will run");
  const done = { ...made, status: { conditions: [{ type: "Complete", status: "True" }] } };
  assert.deepEqual(updateErrors("batch", "jobs", done, { ...made, status: {} }, "status"), [
    'status.conditions: Invalid value: null: cannot disable the terminal Job condition "Complete"',
  ]);
});

test("cron jobs", () => {
  const cronJob = {
    metadata: { name: "c", namespace: "ns", resourceVersion: "1" },
    spec: { schedule: "*/5 * * * *", jobTemplate: { spec: { template } } },
  };
  checkCreate("batch", "cronjobs", cronJob, [
    [spec("schedule"), "", "spec.schedule: Required value"],
    [
      spec("schedule"),
      "* * * *",
      'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]',
    ],
    [spec("schedule"), "@hourly"],
    [spec("timeZone"), "Europe/Berlin"],
    [
      spec("timeZone"),
      "Local",
      'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    ],
    [
      spec("concurrencyPolicy"),
      "Queue",
      'spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"',
    ],
    [spec("startingDeadlineSeconds"), -1, negative("spec.startingDeadlineSeconds")],
    [spec("failedJobsHistoryLimit"), -1, negative("spec.failedJobsHistoryLimit")],
    [
      spec("jobTemplate", "spec", "template", "spec", "restartPolicy"),
      "Always",
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [
      ["metadata", "name"],
      "x".repeat(53),
      `metadata.name: Invalid value: "${"x".repeat(53)}": must be no more than 52 characters`,
    ],
  ]);
  checkUpdate("batch", "cronjobs", cronJob, [[spec("schedule"), "0 0 1 1 *"]]);
});

test("schedules", () => {
  const sound = ["* * * * *", "0-59/7 1,2 ? JAN-MAR mon-fri", "@daily", "@every 1h30m", "5 4 * * 0"];
  for (const schedule of sound) assert.equal(cronProblem(schedule), undefined, schedule);
  const bad = [
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "5-1 * * * *",
    "@never",
    "a * * * *",
  ];
  for (const schedule of bad) assert.notEqual(cronProblem(schedule), undefined, schedule);
});

test("a failure policy's pattern of a condition is about its being true, unless it says otherwise", () => {
  const defaulted = (status?: string) => {
    const rules = [
      { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", ...(status ? { status } : {}) }] },
    ];
    const one = { spec: { template: { spec: { containers: [] } }, podFailurePolicy: { rules } } };
    jobDefinition.defaults!(one as never);
    return one.spec.podFailurePolicy.rules[0]!.onPodConditions;
  };
  assert.deepEqual(defaulted(), [{ type: "DisruptionTarget", status: "True" }]);
  assert.deepEqual(defaulted("False"), [{ type: "DisruptionTarget", status: "False" }]);
});
