import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Pod } from "../../api/types/core.v1.ts";
import type { PodMetrics, ReplicaBasis } from "./metric-values.ts";
import { averageReplicas, sharedValueReplicas, utilizationReplicas, valueReplicas } from "./replica-calculation.ts";

const NOW = Date.parse("2026-01-01T01:00:00Z");
const MINUTE = 60_000;
const at = (ms: number) => new Date(ms).toISOString();

interface Sample {
  /** Thousandths; absent: not measured. */
  level?: number;
  request?: string;
  ready?: "True" | "False" | "none";
  phase?: string;
  deleted?: true;
  /** Minutes ago. */
  started?: number;
  /** Minutes after the start. */
  changed?: number;
  spec?: Pod["spec"];
}

function world(current: number, samples: readonly Sample[], more: Partial<ReplicaBasis> = {}) {
  const pods = samples.map(
    ({ request = "1", ready = "True", phase = "Running", deleted, started = 60, changed = 3, spec }, index): Pod => ({
      metadata: { name: `p${index}`, ...(deleted ? { deletionTimestamp: at(NOW) } : {}) },
      spec: spec ?? { containers: [{ name: "c", resources: { requests: { cpu: request } } }] },
      status: {
        phase,
        startTime: at(NOW - started * MINUTE),
        conditions:
          ready === "none"
            ? []
            : [{ type: "Ready", status: ready, lastTransitionTime: at(NOW - (started - changed) * MINUTE) }],
      },
    }),
  );
  const metrics: PodMetrics = new Map(
    samples.flatMap(({ level }, index) =>
      level === undefined ? [] : [[`p${index}`, { value: level, at: NOW, windowMs: MINUTE }] as const],
    ),
  );
  const basis: ReplicaBasis = {
    current,
    existing: current,
    pods,
    tolerances: { scaleDown: 0.1, scaleUp: 0.1 },
    cpuInitializationPeriodMs: 2 * MINUTE,
    initialReadinessDelayMs: 10_000,
    now: NOW,
    ...more,
  };
  return { basis, metrics };
}
const levels = (...values: (number | undefined)[]): Sample[] =>
  values.map((level) => (level === undefined ? {} : { level }));

const percent = (basis: ReplicaBasis, metrics: PodMetrics, target: number, container?: string) =>
  utilizationReplicas(basis, metrics, { percent: target, resource: "cpu", ...(container ? { container } : {}) });

// [name, replicas, target %, pods, wanted replicas, utilization %, average]; most are results of upstream's own tests.
type UtilizationCase = readonly [
  string,
  number,
  number,
  readonly Sample[],
  number,
  number,
  number,
  Partial<ReplicaBasis>?,
];
const hot = { ready: "False", started: 1, changed: 0 } as const;
const mixed = (...values: number[]): Sample[] =>
  values.map((level, index) => ({ level, request: ["0.9", "1.0", "1.1"][index]! }));
const within = (scaleDown: number, scaleUp: number) => ({ tolerances: { scaleDown, scaleUp } });
const UTILIZATION: readonly UtilizationCase[] = [
  ["more than the target scales up", 3, 30, levels(300, 500, 700), 5, 50, 500],
  ["less than the target scales down", 5, 50, levels(100, 300, 500, 250, 250), 3, 28, 280],
  ["within the default tolerance", 3, 100, mixed(1010, 1030, 1020), 3, 102, 1020],
  ["outside no tolerance", 3, 100, mixed(909, 1010, 1111), 4, 101, 1010, within(0, 0)],
  ["within 200 % up", 3, 100, mixed(1890, 1910, 1900), 3, 190, 1900, within(0.1, 2)],
  ["outside 8 % up", 3, 100, mixed(1100, 1080, 1090), 4, 109, 1090, within(2, 0.08)],
  ["within 36 % down", 3, 100, mixed(660, 640, 650), 3, 65, 650, within(0.36, 0.1)],
  ["outside 34 % down", 3, 100, mixed(660, 640, 650), 2, 65, 650, within(0.34, 0.1)],
  ["a starting pod's CPU does not count", 3, 30, [{ level: 300, ...hot }, { level: 500 }, { level: 700 }], 4, 60, 600],
  ["failed pods are ignored", 2, 30, [...levels(500, 700), { phase: "Failed" }, { phase: "Failed" }], 4, 60, 600],
  ["pods being deleted are ignored", 2, 30, [...levels(500, 700), { deleted: true, level: 9000 }], 4, 60, 600],
  ["pending pods do not multiply", 3, 30, [{ level: 500 }, { phase: "Pending" }, { phase: "Pending" }], 3, 50, 500],
  ["missing ones count as idle when scaling up", 4, 30, levels(300, 500, 700, undefined), 5, 50, 500],
  ["missing ones count as full when scaling down", 4, 100, levels(400, 95, undefined, undefined), 3, 24, 247],
  ["missing ones do not speak at the target", 2, 100, levels(1000, undefined), 2, 100, 1000],
  ["missing ones count as at a target over 100 %", 4, 200, levels(undefined, undefined, 1000, 1000), 3, 100, 1000],
  ["unready and missing ones together", 3, 50, [{ level: 100, ...hot }, { level: 450 }, {}], 3, 45, 450],
];

suite("replicas by utilization", () => {
  for (const [name, current, target, samples, replicas, utilization, value, more] of UTILIZATION) {
    test(name, () => {
      const { basis, metrics } = world(current, samples, more);
      assert.deepEqual(percent(basis, metrics, target), { replicas, utilization, value });
    });
  }

  test("what is requested is a container's, all containers' and sidecars', or the pod's own", () => {
    const container = (name: string, cpu: string) => ({ name, resources: { requests: { cpu } } });
    const spec = {
      containers: [container("a", "1"), container("b", "2")],
      initContainers: [container("once", "9"), { ...container("sidecar", "1"), restartPolicy: "Always" }],
    };
    const { basis, metrics } = world(1, [{ level: 1000, spec }]);
    assert.equal(percent(basis, metrics, 50).utilization, 25);
    assert.equal(percent(basis, metrics, 50, "b").utilization, 50);
    const own = world(1, [{ level: 1000, spec: { ...spec, resources: { requests: { cpu: "5" } } } }]);
    assert.equal(percent(own.basis, own.metrics, 50).utilization, 20);
    assert.equal(percent(own.basis, own.metrics, 50, "a").utilization, 100);
    assert.throws(() => percent(basis, metrics, 50, "x"), { message: "container x not found in Pod p0" });
  });

  test("what can't be worked out is refused with a reason", () => {
    const none = world(1, []);
    assert.throws(() => percent(none.basis, none.metrics, 50), {
      message: "no pods returned by selector while calculating replica count",
    });
    const unready = world(1, [{ level: 1, phase: "Pending" }]);
    assert.throws(() => percent(unready.basis, unready.metrics, 50), {
      message: "did not receive metrics for targeted pods (pods might be unready)",
    });
    const unbounded = world(1, [{ level: 1, spec: { containers: [{ name: "c" }] } }]);
    assert.throws(() => percent(unbounded.basis, unbounded.metrics, 50), {
      message: "missing request for cpu in container c of Pod p0",
    });
  });
});

suite("replicas by an average", () => {
  for (const [name, current, target, samples, replicas, value, more] of [
    ["scales up", 3, 15_000, levels(20_000, 10_000, 30_000), 4, 20_000],
    [
      "readiness is nothing to what is not CPU",
      3,
      15_000,
      [{ level: 50_000 }, { level: 10_000 }, { level: 30_000, ...hot }],
      6,
      30_000,
    ],
    ["scales down", 5, 20_000, levels(12_000, 12_000, 12_000, 12_000, 12_000), 3, 12_000],
    ["within the default tolerance", 3, 20_000, levels(20_000, 21_000, 21_000), 3, 20_666],
    ["outside 1 % up", 3, 20_000, levels(20_000, 21_000, 21_000), 4, 20_666, within(0.1, 0.01)],
    ["missing ones keep it as it is", 5, 20_000, levels(20_000, 19_000, 21_000, undefined, undefined), 5, 20_000],
    ["a pod too many of a rollout does not scale up", 2, 17_000, levels(10_000, 10_000, undefined), 2, 10_000],
  ] as readonly (readonly [string, number, number, Sample[], number, number, Partial<ReplicaBasis>?])[]) {
    test(name, () => {
      const { basis, metrics } = world(current, samples, more);
      assert.deepEqual(averageReplicas(basis, metrics, target), { replicas, value });
    });
  }
});

suite("replicas by one value", () => {
  for (const [name, current, value, target, samples, replicas, more] of [
    ["scales up", 3, 20_000, 15_000, levels(1, 1, 1), 4],
    ["only ready pods count", 3, 50_000, 10_000, [{ ready: "False" }, {}, { ready: "False" }], 5],
    ["fewer than there are, for the same reason", 3, 8600, 4400, [{ ready: "False" }, {}, { ready: "False" }], 2],
    ["scales down", 5, 8600, 14_334, levels(1, 1, 1, 1, 1), 3],
    ["within the default tolerance", 3, 8600, 8888, levels(1, 1, 1), 3],
    ["outside 1 % up", 3, 8900, 8800, levels(1, 1, 1), 4, within(0.1, 0.01)],
    ["no more than there can be", 3, 2 ** 63, 1, levels(1, 1, 1), 2 ** 31 - 1],
    ["from none to some", 0, 20_000, 15_000, [], 2],
  ] as readonly (readonly [string, number, number, number, Sample[], number, Partial<ReplicaBasis>?])[]) {
    test(name, () =>
      assert.deepEqual(valueReplicas(world(current, samples, more).basis, value, target), { replicas, value }),
    );
  }

  for (const [name, existing, value, target, replicas, share, more] of [
    ["shared, scales up", 3, 20_000, 5000, 4, 6667],
    ["shared, scales down", 5, 8600, 2867, 3, 1720],
    ["shared, within the default tolerance", 4, 20_166, 5000, 4, 5042],
    ["shared, outside 1 % up", 3, 8600, 2800, 4, 2867, within(0.1, 0.01)],
    ["shared by nobody yet", 0, 8600, 4300, 2, 8600],
  ] as readonly (readonly [string, number, number, number, number, number, Partial<ReplicaBasis>?])[]) {
    test(name, () => {
      const { basis } = world(existing, [], more);
      assert.deepEqual(sharedValueReplicas(basis, value, target), { replicas, value: share });
    });
  }
});
