import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
} from "../../api/types/flowcontrol.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { RequestInfo } from "../request-info.ts";
import { bootstrapLevels, bootstrapSchemas, CATCH_ALL, EXEMPT } from "./bootstrap-objects.ts";
import { allocate } from "./concurrency-allocation.ts";
import { byPrecedence, matchesRequest, rulesFor } from "./matching.ts";
import type { FlowControlMetrics } from "./metrics.ts";
import { isUsable, nameOf, PriorityLevel } from "./priority-level.ts";

/** How often levels lend and borrow seats anew. */
export const BORROWING_PERIOD_MS = 10_000;

/** A schema with its level. */
interface Placement {
  readonly schema: FlowSchema;
  readonly level: PriorityLevel;
}

/** Where a request belongs. */
export interface Classification extends Placement {
  /** What tells its flow from others of the schema. */
  readonly distinguisher: string;
}

/**
 * The state of priority and fairness: the schemas in the order in which they are tried, and the levels with their
 * requests. `configure` is given all objects whenever one has changed. The mandatory levels and schemas are there
 * whether or not they are stored. See KEP-1040.
 */
export class FlowControl {
  readonly #clock: Clock;
  readonly #metrics: FlowControlMetrics;
  /** Seats of all levels together. */
  readonly #total: number;
  #levels = new Map<string, PriorityLevel>();
  #schemas: Placement[] = [];
  /** By user, the schemas that may concern the requests: authentication gives the same object for the same user. */
  #candidates = new WeakMap<UserInfo, readonly (Placement & { rules: readonly PolicyRulesWithSubjects[] })[]>();
  #catchAll: Placement;
  #nominalSum = 0;
  #stored: { levels: readonly PriorityLevelConfiguration[]; schemas: readonly FlowSchema[] } = {
    levels: [],
    schemas: [],
  };
  #borrowing: Timer | undefined;

  constructor(options: { clock: Clock; metrics: FlowControlMetrics; totalConcurrency: number }) {
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#total = options.totalConcurrency;
    if (!(this.#total > 0)) throw new RangeError("priority and fairness needs a limit above 0");
    this.#catchAll = this.configure([], []);
  }

  get levels(): ReadonlyMap<string, PriorityLevel> {
    return this.#levels;
  }

  /** Adjusts the limits from time to time, until `stop`. */
  start(): void {
    this.#borrowing ??= this.#clock.every(BORROWING_PERIOD_MS, () => this.adjust());
  }

  stop(): void {
    this.#borrowing?.cancel();
    this.#borrowing = undefined;
  }

  /** The schema and level of a request. */
  classify(info: RequestInfo, user: UserInfo): Classification {
    let candidates = this.#candidates.get(user);
    if (!candidates) {
      candidates = this.#schemas.flatMap((one) => {
        const rules = rulesFor(one.schema, user);
        return rules.length === 0 ? [] : [{ ...one, rules }];
      });
      this.#candidates.set(user, candidates);
    }
    let found = this.#catchAll;
    for (const candidate of candidates) {
      if (!matchesRequest(candidate.rules, info)) continue;
      found = candidate;
      break;
    }
    const { schema, level } = found;
    return { schema, level, distinguisher: level.exempt ? "" : distinguisherOf(schema, info, user) };
  }

  /** Puts the stored objects into effect. Schemas without a usable level are left out; levels in use end when idle. */
  configure(levels: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): Placement {
    this.#stored = { levels, schemas };
    const next = new Map<string, PriorityLevel>();
    for (const configuration of levels) {
      if (isUsable(configuration)) next.set(nameOf(configuration), this.#level(configuration));
    }
    const inOrder = schemas.filter(({ spec }) => next.has(spec?.priorityLevelConfiguration.name ?? ""));
    inOrder.sort(byPrecedence);
    const [exempt, catchAll] = bootstrapSchemas.mandatory as readonly [FlowSchema, FlowSchema];
    if (!inOrder.some((schema) => nameOf(schema) === EXEMPT)) inOrder.unshift(exempt);
    if (!inOrder.some((schema) => nameOf(schema) === CATCH_ALL)) inOrder.push(catchAll);

    for (const configuration of bootstrapLevels.mandatory) {
      if (!next.has(nameOf(configuration))) next.set(nameOf(configuration), this.#level(configuration));
    }
    for (const [name, level] of this.#levels) {
      if (next.has(name)) continue;
      level.quiescing = true;
      if (!level.queueSet.idle) next.set(name, level);
    }
    this.#levels = next;
    this.#settle();
    this.#schemas = inOrder.map((schema) => ({
      schema,
      level: next.get(schema.spec!.priorityLevelConfiguration.name)!,
    }));
    this.#candidates = new WeakMap();
    this.#catchAll = this.#schemas.find(({ schema }) => nameOf(schema) === CATCH_ALL)!;
    return this.#catchAll;
  }

  #level(configuration: PriorityLevelConfiguration): PriorityLevel {
    const known = this.#levels.get(nameOf(configuration));
    if (known) {
      known.configuration = configuration;
      known.quiescing = false;
      return known;
    }
    return new PriorityLevel(configuration, {
      clock: this.#clock,
      metrics: this.#metrics.level(nameOf(configuration)),
      onIdle: (level) => {
        if (level.quiescing) this.configure(this.#stored.levels, this.#stored.schemas);
      },
    });
  }

  /** Divides the seats among the levels by their shares. */
  #settle(): void {
    const levels = [...this.#levels.values()];
    const shareSum = levels.reduce((sum, { shares }) => sum + shares, 0);
    let waiting = 0;
    this.#nominalSum = 0;
    for (const level of levels) {
      level.settle(this.#total, shareSum);
      this.#nominalSum += level.nominalLimit;
      const queuing = level.configuration.spec?.limited?.limitResponse?.queuing;
      if (queuing) waiting += (queuing.queues ?? 0) * (queuing.queueLengthLimit ?? 0);
    }
    const now = this.#clock.monotonic();
    for (const kind of ["readOnly", "mutating"] as const) {
      this.#metrics.kind(kind, "waiting").ratio.setLimit(Math.max(1, waiting), now);
      this.#metrics.kind(kind, "executing").ratio.setLimit(Math.max(1, this.#nominalSum), now);
    }
    this.adjust();
  }

  /** Lends and borrows: gives the levels seats by what they needed since the last time. */
  adjust(): void {
    const now = this.#clock.monotonic();
    for (const { demand } of this.#levels.values()) demand.adjust(now);
    const levels = [...this.#levels.values()];
    const limited = levels.filter(({ exempt }) => !exempt);
    let left = this.#nominalSum;
    for (const level of levels) {
      if (!level.exempt) continue;
      const { claim } = level;
      left -= claim;
      level.apply(claim, this.#total, claim, now);
    }
    const kept = limited.reduce((sum, { lowerLimit }) => sum + lowerLimit, 0);
    const claimed = limited.reduce((sum, { claim }) => sum + claim, 0);
    const target = (level: PriorityLevel) => Math.max(level.claim, level.demand.smoothed);
    if (left <= kept) {
      this.#metrics.fairFraction.set(0);
      for (const level of limited) level.apply(level.lowerLimit, this.#total, target(level), now);
      return;
    }
    if (left <= claimed) {
      this.#metrics.fairFraction.set(0);
      const part = (left - kept) / (claimed - kept);
      for (const level of limited) {
        const limit = level.lowerLimit + Math.round((level.claim - level.lowerLimit) * part);
        level.apply(limit, this.#total, target(level), now);
      }
      return;
    }
    const { amounts, fairFraction } = allocate(
      left,
      limited.map((level) => ({ lowest: level.claim, highest: level.upperLimit, target: target(level) })),
    );
    this.#metrics.fairFraction.set(fairFraction);
    for (const [index, level] of limited.entries()) {
      level.apply(Math.round(amounts[index]!), this.#total, target(level), now);
    }
  }
}

function distinguisherOf({ spec }: FlowSchema, info: RequestInfo, user: UserInfo): string {
  switch (spec?.distinguisherMethod?.type) {
    case "ByUser":
      return user.name;
    case "ByNamespace":
      return info.namespace;
    default:
      return "";
  }
}
