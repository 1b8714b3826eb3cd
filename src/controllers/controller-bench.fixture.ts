import type { KubeObject, ResourceType } from "../api/object.ts";
import { events } from "../api/resource-types.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { type VirtualClock, virtualClock } from "../base/virtual-clock.ts";
import { eventRecorder } from "../client/event-broadcaster.ts";
import { type FakeClient, fakeClient } from "../client/fake-client.fixture.ts";
import { informerFactory } from "../client/informer-factory.ts";
import type { ControllerDefinition } from "./controller.ts";
import { type ControllerSettings, defaultSettings } from "./settings.ts";

export interface ControllerBench {
  readonly fake: FakeClient;
  readonly clock: VirtualClock;
  /** Moves time by `ms` (default 0) and lets everything work until nobody asks anything any more. */
  settle(ms?: number): Promise<void>;
  /** `reason: message` of each event, sorted, with ` (xN)` where it was counted. */
  events(): string[];
  /** Fails where the controllers write anything within an hour in which nothing changes. */
  assertQuiet(): Promise<void>;
}

/** Runs controllers against the fake client, with time standing still unless it is moved. */
export async function withControllers(
  definitions: ControllerDefinition | readonly ControllerDefinition[],
  options: {
    objects?: readonly KubeObject[];
    settings?: Partial<ControllerSettings>;
    /** What the server serves; all there is unless given. */
    types?: readonly Pick<ResourceType, "group" | "version" | "resource" | "kind" | "namespaced">[];
    /** Called before the controllers start. */
    prepare?(fake: FakeClient): void;
  },
  run: (bench: ControllerBench) => Promise<void>,
): Promise<void> {
  const clock = virtualClock();
  const random = seededRandom(7);
  const fake = fakeClient({
    clock,
    objects: options.objects ?? [],
    ...(options.types ? { types: options.types } : {}),
  });
  options.prepare?.(fake);
  const logger = silentLogger;
  const informers = informerFactory({ client: fake, clock, random, logger });
  const stop = new AbortController();
  const context = {
    client: fake,
    informers,
    clock,
    random,
    logger,
    settings: { ...defaultSettings, ...options.settings },
    recorder: (component: string) =>
      eventRecorder({ client: fake, clock, random, logger, component, signal: stop.signal }),
  };
  const controllers = [definitions].flat().map((definition) => definition.create(context));
  informers.start();
  await informers.synced();
  const running = controllers.map((controller) => controller.run(stop.signal));
  const settle = async (ms = 0) => {
    await clock.advance(ms);
    for (let quiet = 0; quiet < 4; ) {
      const before = fake.actions.length;
      // Conflicts and lagging caches are tried again after some milliseconds.
      await clock.advance(10);
      quiet = fake.actions.length === before ? quiet + 1 : 0;
    }
  };
  try {
    await settle();
    await run({
      fake,
      clock,
      settle,
      events: () =>
        fake
          .all(events)
          .map(({ reason, message, count = 1 }) => `${reason}: ${message}${count > 1 ? ` (x${count})` : ""}`)
          .sort(),
      async assertQuiet() {
        await settle();
        fake.clearActions();
        await settle(3_600_000);
        const writes = fake.writes();
        if (writes.length > 0) throw new Error(`wrote in steady state: ${JSON.stringify(writes.slice(0, 3), null, 1)}`);
      },
    });
  } finally {
    stop.abort();
    await Promise.all(running);
    await informers.stop();
  }
}
