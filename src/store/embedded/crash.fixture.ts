import { writeSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { embeddedStore } from "./embedded-store.ts";

/**
 * A process that writes until it is killed: each writer creates, updates and at every fifth step deletes its own key,
 * and reports each step once it is acknowledged. Somebody compacts all the while.
 */
const [path, writers] = [process.argv[2]!, Number(process.argv[3])];
const store = await embeddedStore({ path, clock: systemClock({ keepAlive: true }), logger: silentLogger });

/** A value of 500 to 8,000 bytes that shows whether it is whole. */
function content(writer: number, step: number): Uint8Array {
  const line = `${writer}/${step};`;
  return new TextEncoder().encode(line.repeat(Math.ceil((500 + ((writer * 31 + step * 17) % 16) * 500) / line.length)));
}

async function write(writer: number): Promise<never> {
  const key = `/crash/${writer}`;
  const { entry } = await store.get(key);
  let expected = entry?.modRevision ?? 0;
  let step = entry ? Number(new TextDecoder().decode(entry.value).split(/[/;]/)[1]) + 1 : 0;
  for (; ; step++) {
    const deletes = step % 5 === 4 && expected > 0;
    const result = await store.compareAndSwap(key, expected, deletes ? null : content(writer, step));
    if (!result.swapped) throw new Error(`${key} was changed by somebody else`);
    writeSync(1, `${writer} ${step} ${result.revision} ${deletes ? "deleted" : "written"}\n`);
    expected = result.entry?.modRevision ?? 0;
  }
}

async function compact(): Promise<never> {
  for (;;) await store.compact(await store.revision());
}

await Promise.all([compact(), ...Array.from({ length: writers }, (_, writer) => write(writer))]);
