import { flowSchemas, priorityLevelConfigurations } from "../../api/resource-types.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../../api/types/flowcontrol.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import type { Client } from "../../client/client.ts";
import type { Filter, RequestContext } from "../filters/context.ts";
import type { InFlight } from "../filters/max-in-flight.ts";
import type { PathRoute } from "../generic-paths.ts";
import type { Following, Lookup } from "../lookup.ts";
import type { PostStartHook } from "../post-start.ts";
import { bootstrapLevels, bootstrapSchemas } from "./bootstrap-objects.ts";
import { DanglingConditions } from "./dangling.ts";
import { dumpRoutes } from "./dumps.ts";
import { ENSURE_PERIOD_MS, planDefaults, takeSteps } from "./ensure.ts";
import { priorityAndFairness } from "./filter.ts";
import { FlowControl } from "./flow-control.ts";
import { FlowControlMetrics } from "./metrics.ts";
import { isUsable, nameOf } from "./priority-level.ts";
import type { WorkFacts } from "./work-estimate.ts";

export interface Fairness {
  readonly filter: Filter;
  readonly routes: readonly PathRoute[];
  /** Put the default objects in place and keep them, and the conditions of schemas. */
  readonly postStartHooks: readonly PostStartHook[];
  /** Resolves when the stored configuration is in effect; follows its changes until `stop`. */
  start(lookup: Lookup): Promise<void>;
  stop(): void;
}

/** Priority and fairness, put together: its filter, its configuration from the API, and what it keeps in the API. */
export function fairness(options: {
  clock: Clock;
  random: Random;
  logger: Logger;
  registry: MetricsRegistry;
  /** Requests at once, of all levels together. */
  totalConcurrency: number;
  requestTimeoutMs: number;
  stored: WorkFacts["stored"];
  inFlight: InFlight;
  onRefused: (context: RequestContext) => void;
}): Fairness {
  const { clock, random, logger, registry, totalConcurrency } = options;
  const metrics = new FlowControlMetrics(registry, clock);
  const control = new FlowControl({ clock, metrics, totalConcurrency });
  const levels = new Map<string, PriorityLevelConfiguration>();
  const schemas = new Map<string, FlowSchema>();
  let conditions: DanglingConditions | undefined;
  let followings: Following[] = [];
  let isLoaded = false;
  let isDirty = false;
  const digest = () => {
    isDirty = false;
    control.configure([...levels.values()], [...schemas.values()]);
    conditions?.observe([...schemas.values()], new Set([...levels.values()].filter(isUsable).map(nameOf)));
  };
  // Several changes at once are digested together.
  const changed = () => {
    if (!isLoaded || isDirty) return;
    isDirty = true;
    queueMicrotask(digest);
  };
  const into = <T>(objects: Map<string, T>) => ({
    put(object: T, key: string) {
      objects.set(key, object);
      changed();
    },
    remove(key: string) {
      objects.delete(key);
      changed();
    },
  });

  const ensure = (client: Client) =>
    Promise.all([
      takeSteps(client.resource(priorityLevelConfigurations), planDefaults(bootstrapLevels, [...levels.values()])),
      takeSteps(client.resource(flowSchemas), planDefaults(bootstrapSchemas, [...schemas.values()])),
    ]);

  return {
    filter: priorityAndFairness({ ...options, control, metrics }),
    routes: dumpRoutes(control, clock),
    postStartHooks: [
      {
        name: "priority-and-fairness-config-consumer",
        async run(client, signal) {
          conditions ??= new DanglingConditions({ client, clock, random, logger, signal });
          changed();
        },
      },
      { name: "priority-and-fairness-filter", async run() {} },
      {
        name: "priority-and-fairness-config-producer",
        async run(client, signal) {
          await ensure(client);
          const timer = clock.every(ENSURE_PERIOD_MS, () => {
            ensure(client).catch((error) => {
              if (!signal.aborted)
                logger.warn("the objects of priority and fairness could not be put right", { error });
            });
          });
          signal.addEventListener("abort", () => timer.cancel(), { once: true });
        },
      },
    ],
    async start(lookup) {
      followings = await Promise.all([
        lookup.follow(priorityLevelConfigurations, into(levels)),
        lookup.follow(flowSchemas, into(schemas)),
      ]);
      isLoaded = true;
      digest();
      control.start();
    },
    stop() {
      for (const following of followings) following.stop();
      control.stop();
    },
  };
}
