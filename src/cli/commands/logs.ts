import { join } from "node:path";
import type { Command } from "commander";
import { isNotFound } from "../../base/files.ts";
import { layout } from "../../cluster/layout.ts";
import { readRecord } from "../../cluster/record.ts";
import { COMPONENTS } from "../../cluster/status.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

const PROCESSES = [...new Set(COMPONENTS.map((component) => component.process))];
/** What can be asked for. */
const NAMES = [...new Set<string>([...PROCESSES, ...COMPONENTS.map(({ name }) => name)])].join(", ");
/** How much of a log is read at a time. */
const CHUNK_BYTES = 64 * 1024;

export function define(program: Command, context: Context): void {
  program
    .command("logs")
    .description(`Print a cluster's logs: all, or those of one of ${NAMES}.`)
    .argument("[component]", "a component or a process")
    .option("--name <name>", "the cluster's name", "default")
    .option("-f, --follow", "go on until interrupted", false)
    .action(async (component: string | undefined, { name, follow }: { name: string; follow: boolean }) => {
      const record = await readRecord(context.machine.files, name);
      if (!record) throw new UserError(`there is no cluster ${name}; make it with: knarr up --name ${name}`);
      const logs = layout(name, record.dataDir).logs;
      const sources = select(component);
      await Promise.all(
        sources.map(({ process, filter }) => print(context, join(logs, `${process}.log`), filter, follow)),
      );
    });
}

function select(component: string | undefined): { process: string; filter?: RegExp }[] {
  if (component === undefined) return PROCESSES.map((process) => ({ process }));
  if ((PROCESSES as string[]).includes(component)) return [{ process: component }];
  const found = COMPONENTS.find(({ name }) => name === component);
  if (!found) {
    throw new UserError(`there is no component ${component}: choose one of ${NAMES}`);
  }
  // A line is `time LEVEL component/part: message`.
  return [{ process: found.process, filter: new RegExp(`^\\S+ \\S+\\s+${found.name}[/:]`) }];
}

/** Prints a file's lines that pass `filter`, then, when following, each new one until the user interrupts. */
async function print(context: Context, path: string, filter: RegExp | undefined, follow: boolean): Promise<void> {
  const { machine, console, stopRequested } = context;
  let position = 0;
  let rest = "";
  const more = async () => {
    let handle: Awaited<ReturnType<typeof machine.files.open>>;
    try {
      handle = await machine.files.open(path, "r");
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    try {
      if ((await handle.stat()).size < position) position = 0;
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        const lines = (rest + buffer.subarray(0, bytesRead).toString()).split("\n");
        rest = lines.pop()!;
        for (const line of lines) if (!filter || filter.test(line)) console.print(line);
      }
    } finally {
      await handle.close();
    }
  };
  await more();
  if (!follow) return;
  await new Promise<void>((resolve, reject) => {
    let reading = Promise.resolve();
    const poll = machine.clock.every(250, () => {
      reading = reading.then(more).catch(reject);
    });
    stopRequested.addEventListener("abort", () => {
      poll.cancel();
      resolve();
    });
  });
}
