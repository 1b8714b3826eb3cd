import assert from "node:assert/strict";
import { test } from "node:test";
import { ageSince, humanDuration, shortHumanDuration } from "./age.ts";
import { formatDuration, parseDuration } from "./duration.ts";

const [s, m, h, d, y] = [1, 60, 3600, 86400, 365 * 86400].map((seconds) => seconds * 1000) as [
  number,
  number,
  number,
  number,
  number,
];

test("durations as kubectl prints them", () => {
  const cases: [number, string, string][] = [
    [-2 * s, "<invalid>", "<invalid>"],
    [-1 * s, "0s", "0s"],
    [0, "0s", "0s"],
    [119 * s, "119s", "1m"],
    [2 * m, "2m", "2m"],
    [2 * m + 5 * s, "2m5s", "2m"],
    [10 * m + 5 * s, "10m", "10m"],
    [179 * m, "179m", "2h"],
    [3 * h, "3h", "3h"],
    [7 * h + 59 * m, "7h59m", "7h"],
    [47 * h, "47h", "1d"],
    [2 * d + 4 * h, "2d4h", "2d"],
    [8 * d + 5 * h, "8d", "8d"],
    [2 * y + 20 * d, "2y20d", "2y"],
    [9 * y + 20 * d, "9y", "9y"],
  ];
  for (const [ms, long, short] of cases) assert.deepEqual([humanDuration(ms), shortHumanDuration(ms)], [long, short]);
});

test("ages", () => {
  const now = Date.parse("2026-01-01T00:05:00Z");
  assert.equal(ageSince("2026-01-01T00:00:00Z", now), "5m");
  assert.equal(ageSince(undefined, now), "<unknown>");
  assert.equal(ageSince(null, now), "<unknown>");
});

test("Go durations", () => {
  const cases: [string, number, string][] = [
    ["0", 0, "0s"],
    ["1h", h, "1h0m0s"],
    ["90m", 90 * m, "1h30m0s"],
    ["1.5s", 1500, "1.5s"],
    ["250ms", 250, "250ms"],
    ["1us", 0.001, "1µs"],
    ["-1m", -m, "-1m0s"],
    [".5s", 500, "500ms"],
  ];
  for (const [text, ms, printed] of cases) {
    assert.equal(parseDuration(text), ms, text);
    assert.equal(formatDuration(ms), printed, text);
  }
  for (const [text, message] of [
    ["", 'time: invalid duration ""'],
    ["5", 'time: missing unit in duration "5"'],
    ["5d", 'time: unknown unit "d" in duration "5d"'],
  ] as const) {
    assert.throws(() => parseDuration(text), { message });
  }
});
