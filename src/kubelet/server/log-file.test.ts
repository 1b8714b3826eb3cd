import assert from "node:assert/strict";
import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { systemFiles } from "../../base/files.ts";
import { type LogFileOptions, readLogFile } from "./log-file.ts";

const LINES = [
  "2026-01-01T00:00:00.5Z stdout F one",
  "2026-01-01T00:00:01.25Z stderr F two",
  "2026-01-01T00:00:02.000000001Z stdout P thr",
  "2026-01-01T00:00:02.000000002Z stdout F ee",
  "this line is in no format",
  "2026-01-01T00:00:03+01:00 stdout F ",
  "2026-01-01T00:00:04Z stdout F:x five",
];

describe("a container's log file", () => {
  let directory: string;
  let path: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "knarr-log-"));
    path = join(directory, "0.log");
  });
  after(() => rm(directory, { recursive: true }));

  const options = (changes: Partial<LogFileOptions>): LogFileOptions => ({
    files: systemFiles,
    clock: systemClock({ keepAlive: true }),
    path,
    isRunning: async () => false,
    ...changes,
  });
  const read = async (changes: Partial<LogFileOptions> = {}) => {
    const chunks: Buffer[] = [];
    for await (const chunk of readLogFile(options(changes))) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  const whole = `${LINES.join("\n")}\n`;

  test("shows what the container wrote, pieces joined", async () => {
    await writeFile(path, whole);
    assert.equal(await read(), "one\ntwo\nthree\n\nfive\n");
    assert.equal(await read({ stream: "Stderr" }), "two\n");
    assert.equal(await read({ stream: "Stdout" }), "one\nthree\n\nfive\n");
  });

  test("puts the time before each line, not before each piece", async () => {
    await writeFile(path, whole);
    assert.equal(
      await read({ timestamps: true }),
      "2026-01-01T00:00:00.500000000Z one\n2026-01-01T00:00:01.250000000Z two\n2026-01-01T00:00:02.000000001Z three\n2026-01-01T00:00:03.000000000+01:00 \n2026-01-01T00:00:04.000000000Z five\n",
    );
  });

  test("limits by lines from the end, by time, and by bytes", async () => {
    await writeFile(path, whole);
    assert.equal(await read({ tailLines: 1 }), "five\n");
    assert.equal(await read({ tailLines: 2 }), "\nfive\n");
    assert.equal(await read({ tailLines: 0 }), "");
    assert.equal(await read({ tailLines: 100 }), "one\ntwo\nthree\n\nfive\n");
    assert.equal(await read({ sinceMs: Date.UTC(2026, 0, 1, 0, 0, 2) }), "three\nfive\n");
    assert.equal(await read({ limitBytes: 6 }), "one\ntw");
    await writeFile(path, whole.trimEnd());
    assert.equal(await read({ tailLines: 1 }), "five");
    await writeFile(path, "");
    assert.equal(await read({ tailLines: 5 }), "");
  });

  test("finds the last lines of a file of many chunks", async () => {
    const line = (index: number) => `2026-01-01T00:00:00Z stdout F ${index} ${"x".repeat(1000)}\n`;
    await writeFile(path, Array.from({ length: 500 }, (_, index) => line(index)).join(""));
    const tail = await read({ tailLines: 150 });
    assert.equal(tail.split("\n").length, 151);
    assert.ok(tail.startsWith("350 ") && tail.endsWith(`\n499 ${"x".repeat(1000)}\n`));
    assert.equal((await read()).length, (await read({ tailLines: 1000 })).length);
  });

  /** Follows in the background; `until` resolves when the output so far ends with the text. */
  const follow = (changes: Partial<LogFileOptions>) => {
    let output = "";
    let wake = () => {};
    const done = (async () => {
      for await (const chunk of readLogFile(options({ follow: true, ...changes }))) {
        output += chunk;
        wake();
      }
      return output;
    })();
    const until = async (text: string) => {
      while (!output.endsWith(text)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    return { done, until };
  };

  test("is followed over appends, half lines and rotations until the container has ended", async () => {
    await writeFile(path, `${LINES[0]}\n`);
    let running = true;
    let change = () => {};
    let closed = 0;
    const following = follow({
      isRunning: async () => running,
      onRuntimeChange(callback) {
        change = callback;
        return { close: () => closed++ };
      },
    });
    await following.until("one\n");
    await appendFile(path, "2026-01-01T00:00:05Z stdout F ap");
    await appendFile(path, "pended\n");
    await following.until("appended\n");
    await rename(path, `${path}.old`);
    await appendFile(`${path}.old`, "2026-01-01T00:00:05Z stdout F last of the old\n");
    await writeFile(path, "2026-01-01T00:00:06Z stdout F first of the new\n");
    await following.until("first of the new\n");
    running = false;
    await appendFile(path, "2026-01-01T00:00:07Z stdout F end\n");
    change();
    assert.equal(await following.done, "one\nappended\nlast of the old\nfirst of the new\nend\n");
    assert.equal(closed, 1);
  });

  test("is no longer followed once the reader has gone", async () => {
    await writeFile(path, `${LINES[0]}\n`);
    const gone = new AbortController();
    const following = follow({ isRunning: async () => true, signal: gone.signal, tailLines: 0 });
    await appendFile(path, `${LINES[1]}\n`);
    await following.until("two\n");
    gone.abort();
    assert.equal(await following.done, "two\n");
  });

  test("that isn't there is an error", async () => {
    await assert.rejects(read({ path: join(directory, "none.log") }), { code: "ENOENT" });
  });
});
