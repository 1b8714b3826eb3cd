import { join } from "node:path";
import type { Files } from "../../base/files.ts";
import { logLink, podLogDirectory } from "../containers/log-paths.ts";
import type { Runtime } from "../runtime.ts";
import type { PodState } from "./pod-state.ts";
import type { PodWork } from "./pod-worker.ts";
import type { RuntimeCache } from "./runtime-cache.ts";

export interface TraceRemoverOptions {
  runtime: Runtime;
  cache: RuntimeCache;
  files: Files;
  podLogsDir: string;
  containerLogsDir: string;
}

/** Removes what the runtime keeps of an ended pod, and its logs. */
export async function removeTraces(options: TraceRemoverOptions, work: PodWork): Promise<void> {
  const { files } = options;
  const state = options.cache.state(work.uid);
  await removeFromRuntime(options, state);
  await Promise.all(
    state.containers.map(({ name, id }) =>
      files.rm(logLink(options.containerLogsDir, work.pod, name, id), { force: true }),
    ),
  );
  await files.rm(podLogDirectory(options.podLogsDir, work.pod), { recursive: true, force: true });
}

/** Removes all containers and sandboxes of the pod, running or not. */
export async function removeFromRuntime(
  options: Pick<TraceRemoverOptions, "runtime" | "cache">,
  state: PodState,
): Promise<void> {
  const { runtime, cache } = options;
  await Promise.all(
    state.containers.map(async ({ id }) => {
      await runtime.removeContainer(id);
      cache.forgetContainer(id);
    }),
  );
  await Promise.all(
    state.sandboxes.map(async ({ id }) => {
      await runtime.stopSandbox(id);
      await runtime.removeSandbox(id);
      cache.forgetSandbox(id);
    }),
  );
}

/** Links in `directory` whose log is gone. */
export async function removeDeadLinks(files: Files, directory: string): Promise<void> {
  for (const name of await files.readdir(directory)) {
    const path = join(directory, name);
    if (name.endsWith(".log") && !(await files.exists(path))) await files.rm(path, { force: true });
  }
}
