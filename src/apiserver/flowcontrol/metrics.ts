import type { Clock } from "../../base/clock.ts";
import type { Counter, Family, Gauge, Histogram, MetricsRegistry } from "../../base/metrics.ts";
import { TimingRatio } from "./timing-ratio.ts";

const PREFIX = "apiserver_flowcontrol_";
const DURATION_BUCKETS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const LEVEL = ["priority_level"];
const FLOW = ["priority_level", "flow_schema"];

/** Why a request was refused. */
export type Refusal = "queue-full" | "concurrency-limit" | "time-out" | "cancelled";

/** The metrics of priority and fairness, under upstream's names. Series are made when they are first needed. */
export class FlowControlMetrics {
  readonly fairFraction: Gauge;
  readonly #families: Families;
  readonly #clock: Clock;
  readonly #levels = new Map<string, LevelMetrics>();
  readonly #kinds: Record<"readOnly" | "mutating", Record<"waiting" | "executing", Usage>>;

  constructor(registry: MetricsRegistry, clock: Clock) {
    const families = flowControlFamilies(registry);
    this.#families = families;
    this.#clock = clock;
    this.fairFraction = registry
      .gauge(`${PREFIX}seat_fair_frac`, "Fair fraction of the server's seats for each level that can use it.")
      .with();
    const usage = (phase: string, kind: string) =>
      new Usage(new TimingRatio(families.readVsWrite.with(phase, kind), clock.monotonic()));
    this.#kinds = {
      readOnly: { waiting: usage("waiting", "readOnly"), executing: usage("executing", "readOnly") },
      mutating: { waiting: usage("waiting", "mutating"), executing: usage("executing", "mutating") },
    };
    const inQueue = registry.gauge("apiserver_current_inqueue_requests", "Requests waiting for their turn.", [
      "request_kind",
    ]);
    registry.onCollect(() => {
      const now = clock.monotonic();
      for (const kind of ["readOnly", "mutating"] as const) inQueue.with(kind).set(this.#kinds[kind].waiting.count);
      for (const level of this.#levels.values()) level.flush(now);
      for (const kind of Object.values(this.#kinds)) for (const one of Object.values(kind)) one.ratio.flush(now);
    });
  }

  level(name: string): LevelMetrics {
    let found = this.#levels.get(name);
    if (!found) {
      found = new LevelMetrics(this.#families, name, this.#clock.monotonic());
      this.#levels.set(name, found);
    }
    return found;
  }

  kind(kind: "readOnly" | "mutating", phase: "waiting" | "executing"): Usage {
    return this.#kinds[kind][phase];
  }
}

/** A number of requests, and its share of a limit over time. */
export class Usage {
  readonly ratio: TimingRatio;
  #count = 0;

  constructor(ratio: TimingRatio) {
    this.ratio = ratio;
  }

  add(delta: number, now: number): void {
    this.#count += delta;
    this.ratio.set(this.#count, now);
  }

  get count(): number {
    return this.#count;
  }
}

/** What is counted per priority level. */
export class LevelMetrics {
  readonly name: string;
  readonly seats: TimingRatio;
  readonly executing: TimingRatio;
  readonly waiting: TimingRatio;
  readonly demand: TimingRatio;
  readonly nominalSeats: Gauge;
  readonly lowerSeats: Gauge;
  readonly upperSeats: Gauge;
  readonly currentSeats: Gauge;
  readonly targetSeats: Gauge;
  readonly demandHigh: Gauge;
  readonly demandAverage: Gauge;
  readonly demandDeviation: Gauge;
  readonly demandSmoothed: Gauge;
  readonly currentR: Gauge;
  readonly dispatchR: Gauge;
  readonly latestS: Gauge;
  readonly #families: Families;
  readonly #flows = new Map<string, SchemaMetrics>();

  constructor(families: Families, name: string, now: number) {
    this.name = name;
    this.#families = families;
    this.seats = new TimingRatio(families.seatUtilization.with("executing", name), now);
    this.executing = new TimingRatio(families.requestUtilization.with("executing", name), now);
    this.waiting = new TimingRatio(families.requestUtilization.with("waiting", name), now);
    this.demand = new TimingRatio(families.demand.with(name), now);
    this.nominalSeats = families.nominal.with(name);
    this.lowerSeats = families.lower.with(name);
    this.upperSeats = families.upper.with(name);
    this.currentSeats = families.current.with(name);
    this.targetSeats = families.target.with(name);
    this.demandHigh = families.demandHigh.with(name);
    this.demandAverage = families.demandAverage.with(name);
    this.demandDeviation = families.demandDeviation.with(name);
    this.demandSmoothed = families.demandSmoothed.with(name);
    this.currentR = families.currentR.with(name);
    this.dispatchR = families.dispatchR.with(name);
    this.latestS = families.latestS.with(name);
  }

  flow(schema: string): SchemaMetrics {
    let found = this.#flows.get(schema);
    if (!found) {
      found = new SchemaMetrics(this.#families, this.name, schema);
      this.#flows.set(schema, found);
    }
    return found;
  }

  flush(now: number): void {
    for (const one of [this.seats, this.executing, this.waiting, this.demand]) one.flush(now);
  }
}

/** What is counted per schema of a level. */
export class SchemaMetrics {
  readonly dispatched: Counter;
  readonly executing: Gauge;
  readonly executingSeats: Gauge;
  readonly inQueue: Gauge;
  readonly seatsInQueue: Gauge;
  readonly queueLength: Histogram;
  readonly waitUntilExecuted: Histogram;
  readonly estimatedSeats: Histogram;
  readonly #execution: { regular?: Histogram; watch?: Histogram } = {};
  readonly #families: Families;
  readonly #labels: readonly [string, string];

  constructor(families: Families, level: string, schema: string) {
    this.#families = families;
    this.#labels = [level, schema];
    this.dispatched = families.dispatched.with(level, schema);
    this.executing = families.executing.with(level, schema);
    this.executingSeats = families.executingSeats.with(level, schema);
    this.inQueue = families.inQueue.with(level, schema);
    this.seatsInQueue = families.seatsInQueue.with(level, schema);
    this.queueLength = families.queueLength.with(level, schema);
    this.waitUntilExecuted = families.wait.with(level, schema, "true");
    this.estimatedSeats = families.estimatedSeats.with(level, schema);
  }

  get waitUntilRefused(): Histogram {
    return this.#families.wait.with(...this.#labels, "false");
  }
  get watchCount(): Histogram {
    return this.#families.watchCount.with(...this.#labels);
  }
  execution(type: "regular" | "watch"): Histogram {
    this.#execution[type] ??= this.#families.execution.with(...this.#labels, type);
    return this.#execution[type];
  }
  refused(reason: Refusal): void {
    this.#families.rejected.with(...this.#labels, reason).add();
  }
  noSeats(): void {
    this.#families.noSeats.with(...this.#labels).add();
  }
}

interface Families {
  rejected: Family<Counter>;
  dispatched: Family<Counter>;
  noSeats: Family<Counter>;
  executing: Family<Gauge>;
  executingSeats: Family<Gauge>;
  inQueue: Family<Gauge>;
  seatsInQueue: Family<Gauge>;
  queueLength: Family<Histogram>;
  wait: Family<Histogram>;
  execution: Family<Histogram>;
  watchCount: Family<Histogram>;
  estimatedSeats: Family<Histogram>;
  seatUtilization: Family<Histogram>;
  requestUtilization: Family<Histogram>;
  readVsWrite: Family<Histogram>;
  demand: Family<Histogram>;
  nominal: Family<Gauge>;
  lower: Family<Gauge>;
  upper: Family<Gauge>;
  current: Family<Gauge>;
  target: Family<Gauge>;
  demandHigh: Family<Gauge>;
  demandAverage: Family<Gauge>;
  demandDeviation: Family<Gauge>;
  demandSmoothed: Family<Gauge>;
  currentR: Family<Gauge>;
  dispatchR: Family<Gauge>;
  latestS: Family<Gauge>;
}

function flowControlFamilies(registry: MetricsRegistry): Families {
  const counter = (name: string, help: string, labels: readonly string[]) =>
    registry.counter(PREFIX + name, help, labels);
  const gauge = (name: string, help: string, labels: readonly string[] = LEVEL) =>
    registry.gauge(PREFIX + name, help, labels);
  const histogram = (name: string, help: string, buckets: readonly number[], labels: readonly string[]) =>
    registry.histogram(PREFIX + name, help, buckets, labels);
  return {
    rejected: counter("rejected_requests_total", "Requests refused.", [...FLOW, "reason"]),
    dispatched: counter("dispatched_requests_total", "Requests executed.", FLOW),
    noSeats: counter("request_dispatch_no_accommodation_total", "Dispatches put off for want of seats.", FLOW),
    executing: gauge("current_executing_requests", "Requests being executed; watches only at their start.", FLOW),
    executingSeats: gauge("current_executing_seats", "Seats taken by requests being executed.", FLOW),
    inQueue: gauge("current_inqueue_requests", "Requests waiting in queues.", FLOW),
    seatsInQueue: gauge("current_inqueue_seats", "Seats that waiting requests ask for.", FLOW),
    queueLength: histogram(
      "request_queue_length_after_enqueue",
      "Length of the queue that a request joined, itself included.",
      [0, 10, 25, 50, 100, 250, 500, 1000],
      FLOW,
    ),
    wait: histogram("request_wait_duration_seconds", "Time that requests waited in their queues.", DURATION_BUCKETS, [
      ...FLOW,
      "execute",
    ]),
    execution: histogram("request_execution_seconds", "Time that execution took.", DURATION_BUCKETS, [...FLOW, "type"]),
    watchCount: histogram(
      "watch_count_samples",
      "Watchers of what a writing request changes.",
      [0, 1, 10, 100, 1000, 10000],
      FLOW,
    ),
    estimatedSeats: histogram(
      "work_estimated_seats",
      "Seats that requests were estimated to need, at most at once.",
      [1, 2, 4, 8, 16, 32, 64, 100],
      FLOW,
    ),
    seatUtilization: histogram(
      "priority_level_seat_utilization",
      "Share of a level's seats that are taken, over time in nanoseconds.",
      [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1],
      ["phase", ...LEVEL],
    ),
    requestUtilization: histogram(
      "priority_level_request_utilization",
      "Requests as a share of their limit, over time in nanoseconds.",
      [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1],
      ["phase", ...LEVEL],
    ),
    readVsWrite: histogram(
      "read_vs_write_current_requests",
      "Reading and writing requests as a share of the limit, over time in nanoseconds.",
      [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1],
      ["phase", "request_kind"],
    ),
    demand: histogram(
      "demand_seats",
      "Seats that a level could use as a share of its nominal ones, over time in nanoseconds.",
      [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6],
      LEVEL,
    ),
    nominal: gauge("nominal_limit_seats", "Seats of a level by its shares."),
    lower: gauge("lower_limit_seats", "Seats that a level keeps whatever others need."),
    upper: gauge("upper_limit_seats", "Seats that a level may have with what it borrows."),
    current: gauge("current_limit_seats", "Seats that a level has now."),
    target: gauge("target_seats", "Seats that a level should have by its demand."),
    demandHigh: gauge("demand_seats_high_watermark", "Highest demand in the last adjustment period."),
    demandAverage: gauge("demand_seats_average", "Average demand in the last adjustment period."),
    demandDeviation: gauge("demand_seats_stdev", "Standard deviation of demand in the last adjustment period."),
    demandSmoothed: gauge("demand_seats_smoothed", "Demand, smoothed over adjustment periods."),
    currentR: gauge("current_r", "Virtual time of a level at its last change, in seat-seconds."),
    dispatchR: gauge("dispatch_r", "Virtual time of a level at its last dispatch, in seat-seconds."),
    latestS: gauge("latest_s", "Virtual start of the request dispatched last, in seat-seconds."),
  };
}
