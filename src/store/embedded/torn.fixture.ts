import { writeSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { embeddedStore } from "./embedded-store.ts";

/** A process that writes one key after another, tells of each when it is acknowledged, and waits for a line in between. */
const store = await embeddedStore({
  path: process.argv[2]!,
  clock: systemClock({ keepAlive: true }),
  logger: silentLogger,
});
let index = 0;
process.stdin.on("data", async (count) => {
  for (const end = index + Number(count); index < end; index++) {
    const { revision } = await store.compareAndSwap(`/torn/${index}`, 0, Buffer.from(`${index};`.repeat(300)));
    writeSync(1, `${index} ${revision}\n`);
  }
});
