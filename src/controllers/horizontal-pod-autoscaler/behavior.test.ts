import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { HPAScalingPolicy, HPAScalingRules } from "../../api/types/autoscaling.v2.ts";
import {
  limitWithoutRules,
  limitWithRules,
  recordChange,
  type ScalingHistory,
  stabilizeWithoutRules,
  stabilizeWithRules,
} from "./behavior.ts";

const NOW = 10_000_000;
const SECOND = 1000;
/** `[replicas, seconds ago]`. */
const past = (...entries: [number, number][]) =>
  entries.map(([replicas, ago]) => ({ replicas, at: NOW - ago * SECOND }));
const history = (of: Partial<ScalingHistory>): ScalingHistory => ({ recommendations: [], changes: [], ...of });
const pods = (value: number, periodSeconds = 60): HPAScalingPolicy => ({ type: "Pods", value, periodSeconds });
const percent = (value: number, periodSeconds = 60): HPAScalingPolicy => ({ type: "Percent", value, periodSeconds });
const rules = (selectPolicy: string, ...policies: HPAScalingPolicy[]): HPAScalingRules => ({ selectPolicy, policies });

suite("without rules", () => {
  // Results of upstream's TestConvertDesiredReplicasWithRules.
  for (const [current, desired, min, max, wanted, reason] of [
    [5, 2, 3, 10, 3, "TooFewReplicas"],
    [5, 12, 1, 10, 10, "TooManyReplicas"],
    [5, 7, 1, 10, 7, "DesiredWithinRange"],
    [1, 20, 1, 100, 4, "ScaleUpLimit"],
    [10, 1000, 1, 100, 20, "ScaleUpLimit"],
  ] as const) {
    test(`${desired} of ${current} within ${min} to ${max} are ${wanted}`, () => {
      const verdict = limitWithoutRules({ current, min, max }, desired);
      assert.deepEqual([verdict.replicas, verdict.reason, verdict.limited], [wanted, reason, wanted !== desired]);
    });
  }

  for (const [name, recommendations, desired, wanted, left] of [
    ["the first", [], 5, 5, [5]],
    ["the most of the window", past([4, 120], [9, 60]), 5, 9, [4, 9, 5]],
    ["more than before at once", past([4, 120]), 8, 8, [4, 8]],
    ["what is older is forgotten", past([10, 301], [7, 200]), 5, 7, [7, 5]],
  ] as const) {
    test(name, () => {
      const stable = stabilizeWithoutRules(history({ recommendations }), 300 * SECOND, desired, NOW);
      assert.equal(stable.replicas, wanted);
      assert.deepEqual(
        stable.history.recommendations.map(({ replicas }) => replicas),
        left,
      );
    });
  }
});

suite("windows of stabilization", () => {
  // [name, current, desired, up window s, down window s, recommendations, wanted]
  for (const [name, current, desired, up, down, recommendations, wanted] of [
    ["no windows", 100, 5, 0, 0, past([10, 90], [7, 10]), 5],
    ["down waits for the most", 100, 3, 0, 100, past([10, 60], [7, 30]), 10],
    ["up waits for the least", 100, 200, 100, 0, past([150, 60], [120, 30]), 120],
    ["up stays where less was asked for than there is", 100, 110, 100, 0, past([80, 30]), 100],
    ["down looks back no further than its window", 100, 3, 0, 45, past([10, 60], [7, 30]), 7],
    ["both windows leave it where it is", 5, 10, 60, 60, past([2, 30], [8, 20]), 5],
  ] as const) {
    test(name, () => {
      const windows = { upMs: up * SECOND, downMs: down * SECOND };
      assert.equal(stabilizeWithRules(history({ recommendations }), windows, current, desired, NOW).replicas, wanted);
    });
  }
});

suite("policies", () => {
  const bounds = { min: 1, max: 1000 };
  // [name, current, desired, rules, changes, wanted, reason]
  for (const [name, current, desired, up, changes, wanted, reason] of [
    ["pods per period", 10, 500, rules("Max", pods(3)), [], 13, "ScaleUpLimit"],
    ["percent per period, rounded up", 1, 500, rules("Max", percent(10)), [], 2, "ScaleUpLimit"],
    ["the most of two", 100, 500, rules("Max", pods(3), percent(200)), [], 300, "ScaleUpLimit"],
    ["the least of two", 100, 500, rules("Min", pods(3), percent(200)), [], 103, "ScaleUpLimit"],
    ["not at all", 100, 500, rules("Disabled", percent(200)), [], 100, "ScaleUpLimit"],
    ["what was added in the period counts", 105, 500, rules("Max", pods(7)), past([5, 30]), 107, "ScaleUpLimit"],
    ["what was removed in it, too", 95, 500, rules("Max", pods(7)), past([-5, 30]), 107, "ScaleUpLimit"],
    ["what was added before does not", 105, 500, rules("Max", pods(7)), past([5, 90]), 112, "ScaleUpLimit"],
    ["used up", 110, 500, rules("Max", pods(7)), past([10, 30]), 110, "ScaleUpLimit"],
    ["the bound comes first", 990, 5000, rules("Max", percent(100)), [], 1000, "TooManyReplicas"],
    ["less than the policy allows", 10, 12, rules("Max", pods(3)), [], 12, "DesiredWithinRange"],
  ] as const) {
    test(`up: ${name}`, () => {
      const verdict = limitWithRules({ current, ...bounds }, { up, down: {} }, history({ changes }), desired, NOW);
      assert.deepEqual([verdict.replicas, verdict.reason, verdict.limited], [wanted, reason, wanted !== desired]);
    });
  }
  for (const [name, current, desired, down, changes, wanted, reason] of [
    ["pods per period", 10, 5, rules("Max", pods(3)), [], 7, "ScaleDownLimit"],
    ["percent per period, cut off", 7, 1, rules("Max", percent(50)), [], 3, "ScaleDownLimit"],
    ["the most of two", 100, 2, rules("Max", pods(20), percent(60)), [], 40, "ScaleDownLimit"],
    ["the least of two", 100, 2, rules("Min", pods(20), percent(60)), [], 80, "ScaleDownLimit"],
    ["not at all", 100, 2, rules("Disabled", percent(60)), [], 100, "ScaleDownLimit"],
    ["what was removed in the period counts", 95, 2, rules("Max", pods(7)), past([-5, 30]), 93, "ScaleDownLimit"],
    ["used up", 90, 2, rules("Max", pods(7)), past([-10, 30]), 90, "ScaleDownLimit"],
    ["the bound comes first", 5, 0, rules("Max", percent(100)), [], 1, "TooFewReplicas"],
  ] as const) {
    test(`down: ${name}`, () => {
      const verdict = limitWithRules({ current, ...bounds }, { up: {}, down }, history({ changes }), desired, NOW);
      assert.deepEqual([verdict.replicas, verdict.reason, verdict.limited], [wanted, reason, wanted !== desired]);
    });
  }

  test("changes that no policy looks at any more are forgotten", () => {
    const both = { up: rules("Max", pods(1, 60)), down: rules("Max", pods(1, 180)) };
    const before = history({ changes: past([1, 181], [2, 180], [3, 10]) });
    assert.deepEqual(recordChange(before, both, -4, NOW).changes, past([2, 180], [3, 10], [-4, 0]));
  });
});
