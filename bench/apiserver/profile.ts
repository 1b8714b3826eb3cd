import { writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";

/** Profiles this process for `ms` and writes what was found to `path`, for the developer tools of a browser. */
export async function startProfile({ path, ms }: { path: string; ms: number }): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 200 });
  await session.post("Profiler.start");
  await new Promise((resolve) => setTimeout(resolve, ms));
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  await writeFile(path, JSON.stringify(profile));
}
