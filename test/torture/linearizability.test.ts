import assert from "node:assert/strict";
import { test } from "node:test";
import { isLinearizable, type Operation, type Output } from "./linearizability.ts";

const get = (called: number, returned: number, revision: number, value: string | null): Operation => ({
  called,
  returned,
  input: { kind: "get" },
  output: { kind: "get", revision, value },
});
const swap = (
  called: number,
  returned: number | undefined,
  expected: number,
  value: string | null,
  output?: Output,
): Operation => ({ called, returned, input: { kind: "swap", expected, value }, ...(output ? { output } : {}) });
const swapped = (revision: number): Output => ({ kind: "swapped", revision });
const refused = (revision: number, value: string | null): Output => ({ kind: "refused", revision, value });

for (const [what, expected, history] of [
  [
    "one after another",
    true,
    [swap(0, 1, 0, "a", swapped(2)), get(2, 3, 2, "a"), swap(4, 5, 2, null, swapped(3)), get(6, 7, 0, null)],
  ],
  [
    "a read during a write sees it or not",
    true,
    [swap(0, 10, 0, "a", swapped(2)), get(1, 2, 0, null), get(3, 4, 2, "a")],
  ],
  [
    "but not first with and then without it",
    false,
    [swap(0, 10, 0, "a", swapped(2)), get(1, 2, 2, "a"), get(3, 4, 0, null)],
  ],
  ["a stale read", false, [swap(0, 1, 0, "a", swapped(2)), swap(2, 3, 2, "b", swapped(3)), get(4, 5, 2, "a")]],
  ["a lost write", false, [swap(0, 1, 0, "a", swapped(2)), get(2, 3, 0, null)]],
  ["two winners from one revision", false, [swap(0, 5, 0, "a", swapped(2)), swap(1, 6, 0, "b", swapped(3))]],
  ["a winner and a loser", true, [swap(0, 5, 0, "a", swapped(2)), swap(1, 6, 0, "b", refused(2, "a"))]],
  ["a refusal without a reason", false, [swap(0, 1, 0, "a", swapped(2)), swap(2, 3, 2, "b", refused(2, "a"))]],
  ["a read of what nobody wrote", false, [get(0, 1, 2, "a")]],
  [
    "a write that did not return may have happened",
    true,
    [swap(0, undefined, 0, "a"), get(5, 6, 2, "a"), get(7, 8, 2, "a")],
  ],
  ["or not", true, [swap(0, undefined, 0, "a"), get(5, 6, 0, null)]],
  ["or later", true, [swap(0, undefined, 0, "a"), get(5, 6, 0, null), get(7, 8, 2, "a")]],
  ["but does not come and go", false, [swap(0, undefined, 0, "a"), get(5, 6, 2, "a"), get(7, 8, 0, null)]],
  ["its revision is one", false, [swap(0, undefined, 0, "a"), get(5, 6, 2, "a"), get(7, 8, 3, "a")]],
  ["others may go on from it", true, [swap(0, undefined, 0, "a"), swap(5, 6, 7, "b", swapped(8)), get(7, 8, 8, "b")]],
] as [string, boolean, Operation[]][]) {
  test(`${what}: ${expected ? "linearizable" : "not linearizable"}`, () => {
    assert.equal(isLinearizable(history), expected);
  });
}
