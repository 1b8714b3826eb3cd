import { join } from "node:path";
import { isNotFound } from "../base/files.ts";
import type { Machine } from "../base/machine.ts";

/**
 * Runs `action` while no other process of this machine runs one for the same directory. Throws where another does;
 * a lock whose holder has died is taken over. `self` is the pid of this process.
 */
export async function exclusively<T>(
  machine: Machine,
  directory: string,
  self: number,
  action: () => Promise<T>,
): Promise<T> {
  const { files, processes } = machine;
  const lock = join(directory, "lock");
  await files.mkdir(directory, { recursive: true, mode: 0o755 });
  for (;;) {
    try {
      const me = await processes.identify(self);
      await files.writeFile(lock, `${self} ${me!.startTicks}`, { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    let holder: string;
    try {
      holder = await files.readFile(lock, "utf8");
    } catch (error) {
      if (isNotFound(error)) continue;
      throw error;
    }
    const [pid, startTicks] = holder.split(" ").map(Number);
    if (await processes.isRunning({ pid: pid!, startTicks: startTicks! })) {
      throw new Error(`another knarr command (pid ${pid}) is working on this cluster; try again when it has finished`);
    }
    await files.rm(lock, { force: true });
  }
  try {
    return await action();
  } finally {
    await files.rm(lock, { force: true });
  }
}
