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
  /** Further health checks that say that it has succeeded. */
  readonly checks?: readonly string[];
  run(client: Client, signal: AbortSignal): Promise<void>;
  /** While the server still answers, but is about to stop. Does not hold it up for long. */
  beforeShutdown?(client: Client): Promise<void>;
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
    const names = [`poststarthook/${hook.name}`, ...(hook.checks ?? [])];
    for (const name of names) health.add({ name, check }, ["livez", "readyz"]);
  }
  await Promise.all(runs.values());
}

/** How long a server that stops waits for what it still has to say. */
const FAREWELL_MS = 1_000;

/** Runs what the hooks have to do before the server stops, all at once. */
export async function beforeShutdown(
  hooks: readonly PostStartHook[],
  client: Client,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<void> {
  const farewells = hooks.map(async (hook) => {
    try {
      await hook.beforeShutdown?.(client);
    } catch (error) {
      logger.warn("what is to be done before the server stops failed", { hook: hook.name, error });
    }
  });
  const overdue = new AbortController();
  await Promise.race([Promise.all(farewells), sleep(clock, FAREWELL_MS, overdue.signal).catch(() => {})]);
  overdue.abort();
}
