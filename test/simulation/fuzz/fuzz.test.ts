/**
 * Sends what no client should send, drawn from seeds, and holds the server to it that nothing breaks. `FUZZ_SEED=7` replays
 * a seed that failed; `FUZZ_SECONDS=600` goes on for as long, from another seed each time.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { episode } from "./episode.ts";

const REQUESTS = 150;
/** Always the same in CI, on every machine, so that a failure is news. */
const EPISODES = 12;
const seconds = process.env["FUZZ_SECONDS"];
const seed = process.env["FUZZ_SEED"];

test("whatever is asked, the server answers as it should, and what it stores is whole", async (t) => {
  if (seed !== undefined) {
    t.diagnostic(JSON.stringify(await episode(Number(seed), REQUESTS)));
    return;
  }
  const until = performance.now() + Number(seconds ?? 0) * 1000;
  let next = seconds ? Math.floor(Math.random() * 2 ** 31) : 1;
  const codes: Record<number, number> = {};
  let episodes = 0;
  for (; seconds ? performance.now() < until : episodes < EPISODES; next++, episodes++) {
    for (const [code, count] of Object.entries(await episode(next, REQUESTS)))
      codes[Number(code)] = (codes[Number(code)] ?? 0) + count;
  }
  t.diagnostic(`${episodes} episodes of ${REQUESTS} requests: ${JSON.stringify(codes)}`);
  assert.ok((codes[201] ?? 0) > 0 && (codes[422] ?? 0) > 0, "neither good nor bad objects were sent");
});
