import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { architecture } from "./oci.ts";
import { pauseProgram } from "./pause-program.ts";

test("the program for each processor is a small static ELF executable", () => {
  for (const [name, machine] of [
    ["amd64", 62],
    ["arm64", 183],
  ] as const) {
    const program = pauseProgram(name);
    assert.equal(program.subarray(1, 4).toString(), "ELF");
    assert.equal(program.readUInt16LE(18), machine);
    assert.ok(program.length < 300);
  }
  assert.throws(() => pauseProgram("riscv64"), /no pause program/);
});

test("it waits and leaves with 0 on SIGTERM and SIGINT, but not on SIGCHLD", {
  skip: process.platform !== "linux",
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "knarr-pause-"));
  try {
    const path = join(directory, "pause");
    await writeFile(path, pauseProgram(architecture()), { mode: 0o755 });
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const child = spawn(path, { stdio: "ignore" });
      await once(child, "spawn");
      while (!(await isWaiting(child.pid!))) await new Promise((resolve) => setImmediate(resolve));
      child.kill("SIGCHLD");
      child.kill(signal);
      const [code, by] = (await once(child, "exit")) as [number | null, string | null];
      assert.deepEqual([code, by], [0, null]);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** Whether the process is in rt_sigtimedwait: system call 128 of amd64, 137 of arm64. */
const isWaiting = async (pid: number) => /^(128|137) /.test(await readFile(`/proc/${pid}/syscall`, "utf8"));
