import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { seededRandom } from "../../base/random.ts";
import { embeddedStore } from "./embedded-store.ts";

const WRITERS = 8;
const ROUNDS = 5;

test("kill -9 under writes loses nothing acknowledged, tears nothing, and reuses no revision", async () => {
  const directory = mkdtempSync(join(tmpdir(), "knarr-crash-"));
  const path = join(directory, "store.db");
  const random = seededRandom(5);
  const acknowledged = new Map<number, { step: number; revision: number; deleted: boolean }>();
  let highest = 1;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const seen = new Set<number>();
      await killAfter(300 + Math.floor(random.next() * 900), path, (line) => {
        const [writer, step, revision, what] = line.split(" ");
        assert.ok(
          Number(revision) > highest && !seen.has(Number(revision)),
          `revision ${revision} was given out before`,
        );
        seen.add(Number(revision));
        acknowledged.set(Number(writer), {
          step: Number(step),
          revision: Number(revision),
          deleted: what === "deleted",
        });
      });
      highest = Math.max(...seen);
      assert.ok(seen.size >= 300);

      const store = await embeddedStore({ path, clock: systemClock(), logger: silentLogger });
      assert.ok((await store.revision()) >= highest);
      for (const [writer, last] of acknowledged) {
        const { entry } = await store.get(`/crash/${writer}`);
        const text = entry && new TextDecoder().decode(entry.value);
        const unit = text?.slice(0, text.indexOf(";") + 1) ?? "";
        const step = text && Number(unit.split(/[/;]/)[1]);
        // The step after the last acknowledged one may have been committed too.
        if (entry && last.revision === entry.modRevision) assert.equal(step, last.step);
        else if (entry) assert.ok(step === last.step + 1 && entry.modRevision > last.revision);
        else assert.ok(last.deleted || (last.step + 1) % 5 === 4, `writer ${writer} lost step ${last.step}`);
        if (text) {
          assert.equal(text, unit.repeat(text.length / unit.length));
          assert.ok(unit.startsWith(`${writer}/`) && text.length >= 500);
        }
      }
      // What the present says of itself is right: it is all there in the log, and nothing else is live.
      assert.ok((await store.list("/")).entries.every((entry) => /^\/crash\/\d$/.test(entry.key)));
      await store.close();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** Runs the writers and kills them at the given number of acknowledgements; all lines that came out are reported. */
async function killAfter(acknowledgements: number, path: string, onLine: (line: string) => void): Promise<void> {
  const fixture = new URL("./crash.fixture.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [fixture, path, String(WRITERS)], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  let lines = 0;
  for await (const line of createInterface(child.stdout)) {
    onLine(line);
    if (++lines === acknowledgements) child.kill("SIGKILL");
  }
  await closed;
  assert.equal(child.signalCode, "SIGKILL");
}
