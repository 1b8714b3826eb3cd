import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import { type ReconcileResult, runControllerLoop } from "../client/controller-loop.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer.ts";
import { workQueue } from "../client/rate-limited-queue.ts";
import type { RateLimiter } from "../client/rate-limiter.ts";
import type { WorkQueue } from "../client/work-queue.ts";
import type { ControllerSettings } from "./settings.ts";

/**
 * How the controllers are built. Each one watches through shared informers, turns every change into a key of its queue,
 * and reconciles one key at a time: read the caches, decide in a pure function, act through the client. It never relies
 * on what changed, only on what is there; and when nothing is to be done it writes nothing.
 */
export interface Controller {
  /** Works until `signal` is aborted. Called when the informers are synced. */
  run(signal: AbortSignal): Promise<void>;
}

export interface ControllerDefinition {
  /** Upstream's name, as `--controllers` takes it: `deployment-controller`. */
  readonly name: string;
  /** The name that older releases used, still taken: `deployment`. */
  readonly alias?: string;
  /** The ServiceAccount in kube-system whose rights the controller has. Default: `name`. */
  readonly serviceAccount?: string;
  /** Acts as the manager itself: what it needs (every Secret) is more than any ServiceAccount's role gives. */
  readonly asManager?: true;
  /** `*` leaves it out; only its name turns it on (upstream's ControllersDisabledByDefault). */
  readonly offByDefault?: true;
  /** Asks for its informers and hangs its handlers on them. */
  create(context: ControllerContext): Controller;
}

/** What a controller is given. */
export interface ControllerContext {
  /** The API, as this controller's own user. */
  readonly client: Client;
  /** Shared by all controllers. */
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: ControllerSettings;
  /** A recorder of events whose source is `component`. */
  recorder(component: string): EventRecorder;
  /** Told of each reconciliation; for metrics. */
  onReconciled?(outcome: { controller: string; key: string; durationMs: number; error?: unknown }): void;
}

export interface KeyedControllerOptions {
  name: string;
  /** Default 1. */
  workers?: number;
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined>;
  maxRetries?: number;
  /** How long a key waits that failed, or was added with a rate limit. Default: the queue's. */
  rateLimiter?: RateLimiter<string>;
}

/** A queue and the controller that works on it. */
export function keyedController(
  context: ControllerContext,
  options: KeyedControllerOptions,
): Controller & { queue: WorkQueue } {
  const { clock, logger } = context;
  const queue = workQueue({ clock, ...(options.rateLimiter ? { rateLimiter: options.rateLimiter } : {}) });
  return {
    queue,
    run: (signal) =>
      runControllerLoop({
        ...options,
        queue,
        clock,
        logger: logger.with({}, options.name),
        signal,
        onReconciled: (outcome) => context.onReconciled?.({ controller: options.name, ...outcome }),
      }),
  };
}
