import { flowSchemas } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { FlowSchema, FlowSchemaCondition } from "../../api/types/flowcontrol.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { Client } from "../../client/client.ts";
import { nameOf } from "./priority-level.ts";

const FIELD_MANAGER = "api-priority-and-fairness-config-consumer-v1";
const DANGLING = "Dangling";
/** Servers that disagree about a schema must not fight over it: so many writes in a minute, then a pause. */
const MOST_WRITES_PER_MINUTE = 6;
const MINUTE_MS = 60_000;
const PAUSE_MS = { least: 30_000, spread: 45_000 };
const RETRY_MS = 200;

/** The condition that a schema should have; undefined where it has it. */
export function danglingCondition(
  schema: FlowSchema,
  levels: ReadonlySet<string>,
  now: number,
): FlowSchemaCondition | undefined {
  const level = schema.spec?.priorityLevelConfiguration.name ?? "";
  const found = levels.has(level);
  const status = found ? "False" : "True";
  const reason = found ? "Found" : "NotFound";
  const references = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  const message = found ? `${references} and it exists` : `${references} but there is no such object`;
  const present = schema.status?.conditions?.find(({ type }) => type === DANGLING);
  if (present?.status === status && present.reason === reason && present.message === message) return undefined;
  const lastTransitionTime = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
  return { type: DANGLING, status, lastTransitionTime, reason, message };
}

/** Keeps the condition Dangling of the schemas: whether their priority level is missing. */
export class DanglingConditions {
  readonly #options: { client: Client; clock: Clock; random: Random; logger: Logger; signal: AbortSignal };
  readonly #writes = new Map<string, number[]>();
  #latest: { schemas: readonly FlowSchema[]; levels: ReadonlySet<string> } | undefined;
  #running = false;
  #timer: Timer | undefined;

  constructor(options: { client: Client; clock: Clock; random: Random; logger: Logger; signal: AbortSignal }) {
    this.#options = options;
  }

  /** Call with the present state whenever it has changed. */
  observe(schemas: readonly FlowSchema[], levels: ReadonlySet<string>): void {
    this.#latest = { schemas, levels };
    void this.#run();
  }

  async #run(): Promise<void> {
    const { clock, logger, signal, random } = this.#options;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#latest && !signal.aborted) {
        const { schemas, levels } = this.#latest;
        this.#latest = undefined;
        let postponed = false;
        for (const schema of schemas) {
          const condition = danglingCondition(schema, levels, clock.now());
          if (!condition) continue;
          if (this.#wroteTooOften(nameOf(schema))) postponed = true;
          else await this.#write(schema, condition);
        }
        if (postponed) this.#later(PAUSE_MS.least + random.next() * PAUSE_MS.spread, { schemas, levels });
      }
    } catch (error) {
      if (!signal.aborted) {
        logger.warn("a FlowSchema's condition could not be written, trying again", { error });
        this.#later(RETRY_MS);
      }
    } finally {
      this.#running = false;
    }
  }

  async #write(schema: FlowSchema, condition: FlowSchemaCondition): Promise<void> {
    const { client, signal } = this.#options;
    try {
      await client.resource(flowSchemas).apply(
        {
          apiVersion: "flowcontrol.apiserver.k8s.io/v1",
          kind: "FlowSchema",
          metadata: { name: nameOf(schema) },
          status: { conditions: [condition] },
        },
        { fieldManager: FIELD_MANAGER, force: true, subresource: "status", signal },
      );
    } catch (error) {
      // Gone: its deletion comes by as a change.
      if (!isNotFound(error)) throw error;
    }
  }

  #wroteTooOften(name: string): boolean {
    const now = this.#options.clock.monotonic();
    const recent = (this.#writes.get(name) ?? []).filter((time) => now - time < MINUTE_MS);
    const tooOften = recent.length >= MOST_WRITES_PER_MINUTE;
    if (!tooOften) recent.push(now);
    this.#writes.set(name, recent);
    return tooOften;
  }

  #later(delayMs: number, again = this.#latest): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#latest ??= again;
      void this.#run();
    });
    this.#options.signal.addEventListener("abort", () => this.#timer?.cancel(), { once: true });
  }
}
