import { type Clock, sleep } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Client } from "../client/client.ts";
import type { Health } from "./health.ts";

/** Something to be put in place once the server answers. Run at each start, so it must be idempotent. */
export interface PostStartHook {
  /** `rbac/bootstrap-roles`: the server is not ready before it has succeeded. */
  readonly name: string;
  /** Hooks that must have succeeded before. */
  readonly after?: readonly string[];
  run(client: Client, signal: AbortSignal): Promise<void>;
}

/** How long to wait before a hook that failed is tried again. */
const RETRY_MS = 500;

/** Runs the hooks, each until it succeeds or `signal` is aborted; resolves when all have. */
export async function runPostStartHooks(
  hooks: readonly PostStartHook[],
  options: { client: Client; health: Health; clock: Clock; logger: Logger; signal: AbortSignal },
): Promise<void> {
  const { client, health, clock, logger, signal } = options;
  const runs = new Map<string, Promise<void>>();
  const run = async (hook: PostStartHook): Promise<void> => {
    await Promise.all((hook.after ?? []).map((name) => runs.get(name)));
    for (;;) {
      signal.throwIfAborted();
      try {
        return await hook.run(client, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        logger.warn("a post-start hook failed, trying again", { hook: hook.name, error });
        await sleep(clock, RETRY_MS, signal);
      }
    }
  };
  for (const hook of hooks) {
    let done = false;
    const running = run(hook).then(() => {
      done = true;
    });
    runs.set(hook.name, running);
    const check = () => {
      if (!done) throw new Error("not finished");
    };
    health.add({ name: `poststarthook/${hook.name}`, check }, ["livez", "readyz"]);
  }
  await Promise.all(runs.values());
}
