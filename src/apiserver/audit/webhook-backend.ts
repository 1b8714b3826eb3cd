import { type Clock, sleep } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { type WebhookCaller, type WebhookClientConfig, WebhookError } from "../webhook/webhook-client.ts";
import type { AuditBackend } from "./backend.ts";

/** Upstream's: five tries, each wait half as long again, plus up to a fifth. */
const TRIES = 5;
const FACTOR = 1.5;
const JITTER = 0.2;
const TIMEOUT_MS = 30_000;

/** POSTs events as an EventList to what a kubeconfig file describes; tries again whatever the failure, as upstream does. */
export function webhookBackend(options: {
  caller: WebhookCaller;
  config: WebhookClientConfig;
  serverName?: string;
  initialBackoffMs: number;
  clock: Clock;
  random: Random;
}): AuditBackend {
  const { caller, config, serverName, initialBackoffMs, clock, random } = options;
  const ending = new AbortController();
  return {
    name: "webhook",
    async process(events) {
      const list = { kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items: events };
      let wait = initialBackoffMs;
      for (let attempt = 1; ; attempt++) {
        try {
          await caller.call(config, list, { timeoutMs: TIMEOUT_MS, ...(serverName ? { serverName } : {}) });
          return;
        } catch (error) {
          // What took the events and answers otherwise than in JSON has them all the same.
          if (error instanceof WebhookError && error.kind === "body") return;
          if (attempt === TRIES || ending.signal.aborted) throw error;
          await sleep(clock, wait * (1 + JITTER * random.next()), ending.signal).catch(() => {});
          wait *= FACTOR;
        }
      }
    },
    async close() {
      ending.abort();
    },
  };
}
