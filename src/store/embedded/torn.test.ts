import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { seededRandom } from "../../base/random.ts";
import { embeddedStore } from "./embedded-store.ts";

const ACKNOWLEDGED = 30;
const MORE = 10;
const CUTS = 12;

test("a power loss that leaves the file's tail torn loses nothing acknowledged before, and leaves no gap", async () => {
  const directory = await mkdtemp(join(tmpdir(), "knarr-torn-"));
  const path = join(directory, "store.db");
  const fixture = new URL("./torn.fixture.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [fixture, path], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const revisions: number[] = [];
    const write = async (count: number) => {
      child.stdin.write(`${count}\n`);
      for (let left = count; left > 0; left--) revisions.push(Number((await lines.next()).value!.split(" ")[1]));
    };
    await write(ACKNOWLEDGED);
    const durable = (await readFile(`${path}-wal`)).length;
    await write(MORE);
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    const journal = await readFile(`${path}-wal`);
    assert.ok(journal.length > durable);

    const random = seededRandom(21);
    for (let cut = 0; cut < CUTS; cut++) {
      const torn = join(directory, `torn-${cut}.db`);
      const length = durable + Math.floor(random.next() * (journal.length - durable));
      // What a disk leaves behind the last sector that it wrote: nothing, or anything.
      const rest = cut % 2 === 0 ? Buffer.alloc(0) : random.bytes(Math.floor(random.next() * 5000));
      await copyFile(path, torn);
      await writeFile(`${torn}-wal`, Buffer.concat([journal.subarray(0, length), rest]));
      const open = () => embeddedStore({ path: torn, clock: systemClock(), logger: silentLogger });
      const store = await open();
      const { entries, revision } = await store.list("/torn/");
      assert.ok(entries.length >= ACKNOWLEDGED, `only ${entries.length} are left`);
      const found = new Map(entries.map(({ key, value, modRevision }) => [key, { value, modRevision }]));
      for (let index = 0; index < entries.length; index++) {
        const entry = found.get(`/torn/${index}`)!;
        assert.equal(entry.modRevision, revisions[index]);
        assert.equal(Buffer.from(entry.value).toString(), `${index};`.repeat(300));
      }
      assert.equal(revision, revisions[entries.length - 1]);
      const next = await store.compareAndSwap("/torn/next", 0, Buffer.from("x"));
      assert.equal(next.revision, revision + 1);
      await store.close();
      const again = await open();
      assert.equal((await again.list("/torn/")).count, entries.length + 1);
      await again.close();
    }
  } finally {
    child.kill("SIGKILL");
    await rm(directory, { recursive: true });
  }
});
