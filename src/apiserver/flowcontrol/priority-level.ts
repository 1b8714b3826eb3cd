import type { PriorityLevelConfiguration } from "../../api/types/flowcontrol.v1.ts";
import type { Clock } from "../../base/clock.ts";
import { EXEMPT } from "./bootstrap-objects.ts";
import type { LevelMetrics } from "./metrics.ts";
import { QueueSet, type Queuing } from "./queue-set.ts";
import { SeatDemand } from "./seat-demand.ts";

/** A request takes at most this part of its level's nominal seats. */
const MOST_OF_LEVEL = 0.15;

/** A priority level at work: its configuration, its limits, and its requests. */
export class PriorityLevel {
  configuration: PriorityLevelConfiguration;
  readonly name: string;
  readonly queueSet: QueueSet;
  readonly demand: SeatDemand;
  readonly metrics: LevelMetrics;
  /** Its object is gone; it stays until its requests are done. */
  quiescing = false;
  nominalLimit = 0;
  lowerLimit = 0;
  upperLimit = 0;
  currentLimit = 0;
  /** Of one request; 0: no limit of its own. */
  maxSeats = 0;
  /** Whether limits were derived before. */
  settled = false;

  constructor(
    configuration: PriorityLevelConfiguration,
    options: { clock: Clock; metrics: LevelMetrics; onIdle: (level: PriorityLevel) => void },
  ) {
    this.configuration = configuration;
    this.name = nameOf(configuration);
    this.metrics = options.metrics;
    this.demand = new SeatDemand(options.clock.monotonic());
    const { clock, metrics } = options;
    this.queueSet = new QueueSet({ clock, metrics, demand: this.demand, onIdle: () => options.onIdle(this) });
  }

  get exempt(): boolean {
    return this.configuration.spec?.type === "Exempt";
  }

  get shares(): number {
    return common(this.configuration).nominalConcurrencyShares ?? (this.exempt ? 0 : 30);
  }

  /** Derives the limits from the level's share of `total` seats. */
  settle(total: number, shareSum: number): void {
    const { lendablePercent = 0 } = common(this.configuration);
    const borrowing = this.configuration.spec?.limited?.borrowingLimitPercent;
    const nominal = shareSum === 0 ? 0 : Math.ceil((total * this.shares) / shareSum);
    const lendable = Math.round((nominal * lendablePercent) / 100);
    const borrowed = borrowing == null ? total : Math.round((nominal * borrowing) / 100);
    this.nominalLimit = nominal;
    this.lowerLimit = nominal - lendable;
    this.upperLimit = nominal + borrowed;
    const handSize = this.configuration.spec?.limited?.limitResponse?.queuing?.handSize;
    this.maxSeats = handSize
      ? Math.max(1, Math.min(Math.ceil(nominal * MOST_OF_LEVEL), Math.floor(nominal / handSize)))
      : 0;
    if (!this.settled) this.currentLimit = nominal - Math.floor(lendable / 2);
    this.settled = true;
    this.metrics.nominalSeats.set(nominal);
    this.metrics.lowerSeats.set(this.lowerLimit);
    this.metrics.upperSeats.set(this.upperLimit);
  }

  /** The least that it is given: what it used lately, within its own, but not less than what it never lends. */
  get claim(): number {
    const { highWatermark } = this.demand;
    if (this.exempt) return Math.max(this.lowerLimit, highWatermark);
    return Math.max(this.lowerLimit, Math.min(this.nominalLimit, highWatermark));
  }

  /** Puts `limit` seats into effect. */
  apply(limit: number, total: number, target: number, now: number): void {
    this.currentLimit = limit;
    const ratioLimit = limit > 0 ? limit : Math.max(1, Math.round(total / 10));
    const { demand, metrics } = this;
    metrics.demand.setLimit(ratioLimit, now);
    metrics.currentSeats.set(limit);
    metrics.targetSeats.set(target);
    metrics.demandHigh.set(demand.highWatermark);
    metrics.demandAverage.set(demand.average);
    metrics.demandDeviation.set(demand.deviation);
    metrics.demandSmoothed.set(demand.smoothed);
    this.queueSet.configure(queuingOf(this.configuration), limit, ratioLimit);
  }
}

export const nameOf = (object: { metadata?: { name?: string } }) => object.metadata?.name ?? "";

const common = ({ spec }: PriorityLevelConfiguration) => spec?.limited ?? spec?.exempt ?? {};

export function queuingOf({ spec }: PriorityLevelConfiguration): Queuing {
  if (spec?.type === "Exempt") return { mode: "exempt" };
  const queuing = spec?.limited?.limitResponse?.queuing;
  if (!queuing) return { mode: "reject" };
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing;
  return { mode: "queue", queues, handSize, queueLengthLimit };
}

/** Whether a stored configuration makes sense; one that does not is left out, as if it were not there. */
export function isUsable(configuration: PriorityLevelConfiguration): boolean {
  const { type, limited, exempt } = configuration.spec ?? {};
  const isExempt = type === "Exempt";
  if (isExempt !== (nameOf(configuration) === EXEMPT) || isExempt !== (exempt != null)) return false;
  if ((type === "Limited") !== (limited != null)) return false;
  return !limited || (limited.limitResponse?.type === "Reject") === (limited.limitResponse?.queuing == null);
}
