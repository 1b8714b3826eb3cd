import type { Clock } from "../../base/clock.ts";
import type { LevelMetrics, Refusal } from "./metrics.ts";
import type { SeatDemand } from "./seat-demand.ts";
import { dealHand, hashFlow } from "./shuffle-sharding.ts";
import { ESTIMATED_SERVICE_MS, type FlowRequest, type Queue, Ticket } from "./ticket.ts";

/** How a level treats requests beyond its limit. */
export type Queuing =
  | { readonly mode: "exempt" }
  | { readonly mode: "reject" }
  | {
      readonly mode: "queue";
      readonly queues: number;
      readonly handSize: number;
      readonly queueLengthLimit: number;
    };

/** Hands are remembered for so many flows; a flow beyond costs a hash. */
const MOST_HANDS = 4096;

/**
 * The requests of one priority level: executes as many as there are seats, and lets the others wait in queues that take
 * turns. KEP-1040, "Fair Queuing for Server Requests":
 *
 * - A flow is dealt a hand of queues and joins the one with the least work waiting. Without queues, it is refused.
 * - Virtual time R is the work (seat-milliseconds) that each busy queue has been due so far. A queue's next request
 *   begins at the virtual time `nextR`; the one that would finish first is dispatched.
 * - On dispatch a queue is charged an estimate, corrected when the request has finished and its true duration is known.
 * - A request that waits too long, or whose client leaves, is refused.
 * - A request lingers on its seats after its answer where its change still has to be sent to watchers.
 *
 * Where nothing waits, a request costs no more than the counting of seats. Queued requests are let go one per turn of the
 * event loop, so that a flood which is answered from memory still lets others' sockets be read in between.
 */
export class QueueSet {
  readonly #clock: Clock;
  readonly #metrics: LevelMetrics;
  readonly #demand: SeatDemand;
  readonly #onIdle: () => void;
  #queuing: Queuing = { mode: "reject" };
  #limit = 0;
  readonly #queues: Queue[] = [];
  readonly #running = new Set<Ticket>();
  readonly #hands = new Map<string, Map<string, readonly number[]>>();
  #handCount = 0;
  /** Virtual time, and the real time up to which it is known. */
  #r = 0;
  #syncedAt: number;
  #busyQueues = 0;
  #robin = 0;
  #enqueues = 0;
  #waiting = 0;
  #seatsWaiting = 0;
  #seatsInUse = 0;
  readonly #totals = { dispatched: 0, rejected: 0, timedOut: 0, cancelled: 0 };

  constructor(options: { clock: Clock; metrics: LevelMetrics; demand: SeatDemand; onIdle: () => void }) {
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#demand = options.demand;
    this.#onIdle = options.onIdle;
    this.#syncedAt = options.clock.monotonic();
  }

  get waiting(): number {
    return this.#waiting;
  }
  get executing(): number {
    return this.#running.size;
  }
  get seatsInUse(): number {
    return this.#seatsInUse;
  }
  get idle(): boolean {
    return this.#waiting === 0 && this.#running.size === 0;
  }
  /** What is being executed. */
  get running(): Iterable<Ticket> {
    return this.#running;
  }
  /** Requests so far. */
  get totals(): { dispatched: number; rejected: number; timedOut: number; cancelled: number } {
    return this.#totals;
  }
  get queues(): readonly Queue[] {
    return this.#queues;
  }

  /** Takes effect at once; queues that are too many are emptied first. `ratioLimit` is what the metrics compare with. */
  configure(queuing: Queuing, limit: number, ratioLimit: number): void {
    const now = this.#sync();
    const before = this.#queuing;
    this.#queuing = queuing;
    this.#limit = limit;
    if (queuing.mode === "queue") {
      while (this.#queues.length < queuing.queues) this.#queues.push(newQueue(this.#queues.length));
      if (before.mode !== "queue" || before.queues !== queuing.queues || before.handSize !== queuing.handSize) {
        this.#forgetHands();
      }
    }
    this.#dropSurplus();
    const { seats, executing, waiting } = this.#metrics;
    const room = queuing.mode === "queue" ? queuing.queues * queuing.queueLengthLimit : 1;
    waiting.setLimit(Math.max(1, room), now);
    executing.setLimit(ratioLimit, now);
    seats.setLimit(ratioLimit, now);
    this.#dispatch();
  }

  /** A ticket that is executing, waiting (see `wait`), or refused. What executes must be finished. */
  start(request: FlowRequest): Ticket {
    const now = this.#sync();
    const queuing = this.#queuing;
    if (queuing.mode !== "queue") {
      const ticket = new Ticket(request, undefined, now, this.#r);
      if (queuing.mode === "exempt" || this.#fits(ticket.seats)) {
        this.#execute(ticket, now);
      } else {
        this.#refuse(ticket, "concurrency-limit");
      }
      return ticket;
    }
    const queue = this.#leastLoaded(request, queuing.queues, queuing.handSize);
    const ticket = new Ticket(request, queue, now, this.#r);
    if (this.#seatsInUse >= this.#limit && queue.waiting.length >= queuing.queueLengthLimit) {
      this.#refuse(ticket, "queue-full");
      return ticket;
    }
    if (queue.waiting.length === 0 && queue.executing === 0) {
      queue.nextR = this.#r;
      this.#busyQueues++;
    }
    if (this.#waiting === 0 && this.#fits(ticket.seats)) {
      // The only one: it would be dequeued at once.
      request.metrics.queueLength.observe(1);
      this.#robin = queue.index;
      this.#charge(queue, ticket);
      this.#execute(ticket, now);
      return ticket;
    }
    this.#enqueue(ticket, queue, now);
    this.#dispatch();
    return ticket;
  }

  /**
   * Resolves when a waiting ticket is executed (true) or given up (false): after `limitMs`, or when `signal` is aborted.
   */
  wait(ticket: Ticket, limitMs: number, signal: AbortSignal): Promise<boolean> {
    if (ticket.state !== "waiting") return Promise.resolve(ticket.state === "executing");
    return new Promise((resolve) => {
      const onAbort = () => this.#giveUp(ticket, "cancelled");
      ticket.decided = (executes) => {
        signal.removeEventListener("abort", onAbort);
        // After the sockets had their turn.
        if (executes) setImmediate(resolve, true);
        else resolve(false);
      };
      ticket.timer = this.#clock.after(limitMs, () => this.#giveUp(ticket, "time-out"));
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  /** The request of an executing ticket has been answered. */
  finish(ticket: Ticket): void {
    if (ticket.state !== "executing") return;
    const now = this.#sync();
    ticket.state = "finished";
    this.#running.delete(ticket);
    this.#metrics.executing.set(this.#running.size, now);
    ticket.request.metrics.executing.add(-1);
    const { queue } = ticket;
    if (queue) {
      queue.executing--;
      const seatError = ESTIMATED_SERVICE_MS - (now - ticket.startedAt);
      queue.nextR -= ticket.request.work.initialSeats * seatError;
      keepAfterArrival(queue);
      this.#noteIfUnused(queue);
    }
    if (ticket.lingerMs > 0) {
      this.#clock.after(ticket.lingerMs, () => {
        this.#release(ticket, this.#sync());
        this.#dispatch();
      });
    } else {
      this.#release(ticket, now);
    }
    if (this.#waiting > 0) this.#dispatch();
    if (this.idle) this.#onIdle();
  }

  /** Brings virtual time up to date and returns the real one. */
  #sync(): number {
    const now = this.#clock.monotonic();
    if (this.#busyQueues > 0) {
      const rate = Math.min(this.#seatsInUse + this.#seatsWaiting, this.#limit) / this.#busyQueues;
      this.#r += rate * (now - this.#syncedAt);
    }
    this.#syncedAt = now;
    this.#metrics.currentR.set(this.#r / 1000);
    return now;
  }

  #fits(seats: number): boolean {
    // What is wider than the whole level goes alone.
    if (seats > this.#limit) return this.#running.size === 0 && this.#limit > 0;
    return this.#seatsInUse + seats <= this.#limit;
  }

  #leastLoaded({ schema, distinguisher }: FlowRequest, queues: number, handSize: number): Queue {
    const hand = this.#hand(schema, distinguisher, queues, handSize);
    // Begins elsewhere each time, so that overlapping hands don't prefer the same queue.
    const offset = this.#enqueues++ % hand.length;
    let best = this.#queues[hand[offset]!]!;
    for (let index = 1; index < hand.length && best.waitingWork > 0; index++) {
      const queue = this.#queues[hand[(offset + index) % hand.length]!]!;
      if (queue.waitingWork < best.waitingWork) best = queue;
    }
    return best;
  }

  #hand(schema: string, distinguisher: string, queues: number, handSize: number): readonly number[] {
    let hands = this.#hands.get(schema);
    let hand = hands?.get(distinguisher);
    if (hand) return hand;
    if (this.#handCount >= MOST_HANDS) {
      this.#forgetHands();
      hands = undefined;
    }
    hand = dealHand(queues > 1 ? hashFlow(schema, distinguisher) : 0n, queues, handSize);
    if (!hands) {
      hands = new Map();
      this.#hands.set(schema, hands);
    }
    hands.set(distinguisher, hand);
    this.#handCount++;
    return hand;
  }

  #forgetHands(): void {
    this.#hands.clear();
    this.#handCount = 0;
  }

  #enqueue(ticket: Ticket, queue: Queue, now: number): void {
    const { metrics } = ticket.request;
    queue.waiting.push(ticket);
    queue.waitingSeats += ticket.seats;
    queue.waitingWork += ticket.work;
    this.#waiting++;
    this.#seatsWaiting += ticket.seats;
    metrics.inQueue.add();
    metrics.seatsInQueue.add(ticket.seats);
    metrics.queueLength.observe(queue.waiting.length);
    keepAfterArrival(queue);
    this.#noteWaiting(now);
  }

  /** Takes a waiting ticket out of its queue. */
  #dequeue(ticket: Ticket, queue: Queue, index: number): void {
    const { metrics } = ticket.request;
    queue.waiting.splice(index, 1);
    queue.waitingSeats -= ticket.seats;
    queue.waitingWork = queue.waiting.length === 0 ? 0 : queue.waitingWork - ticket.work;
    this.#waiting--;
    this.#seatsWaiting -= ticket.seats;
    metrics.inQueue.add(-1);
    metrics.seatsInQueue.add(-ticket.seats);
  }

  /** Executes waiting requests for as long as there are seats for the one whose turn it is. */
  #dispatch(): void {
    while (this.#waiting > 0 && this.#seatsInUse < this.#limit) {
      const queue = this.#next();
      const ticket = queue.waiting[0]!;
      if (!this.#fits(ticket.seats)) {
        ticket.request.metrics.noSeats();
        return;
      }
      const now = this.#syncedAt;
      this.#robin = queue.index;
      this.#dequeue(ticket, queue, 0);
      ticket.timer?.cancel();
      this.#charge(queue, ticket);
      keepAfterArrival(queue);
      this.#noteWaiting(now);
      this.#execute(ticket, now);
    }
  }

  /** The queue whose oldest request would finish first; equal ones take turns. */
  #next(): Queue {
    const { length } = this.#queues;
    let best: Queue | undefined;
    let earliest = Number.POSITIVE_INFINITY;
    for (let step = 1; step <= length; step++) {
      const queue = this.#queues[(this.#robin + step) % length]!;
      const oldest = queue.waiting[0];
      if (oldest && queue.nextR + oldest.work < earliest) {
        earliest = queue.nextR + oldest.work;
        best = queue;
      }
    }
    return best!;
  }

  #charge(queue: Queue, ticket: Ticket): void {
    const { dispatchR, latestS } = this.#metrics;
    dispatchR.set(this.#r / 1000);
    latestS.set(queue.nextR / 1000);
    const { finalSeats, lingerMs } = ticket.request.work;
    // As much work in fewer seats, where the level has no more.
    if (finalSeats > this.#limit) ticket.lingerMs = (finalSeats * lingerMs) / this.#limit;
    queue.nextR += ticket.work;
    queue.executing++;
    queue.seatsInUse += ticket.seats;
  }

  #execute(ticket: Ticket, now: number): void {
    const { metrics } = ticket.request;
    const waited = ticket.decided;
    ticket.state = "executing";
    ticket.startedAt = now;
    this.#running.add(ticket);
    this.#seatsInUse += ticket.seats;
    this.#totals.dispatched++;
    metrics.dispatched.add();
    metrics.executing.add();
    metrics.executingSeats.add(ticket.seats);
    if (this.#queuing.mode !== "exempt") metrics.waitUntilExecuted.observe((now - ticket.arrivedAt) / 1000);
    this.#metrics.executing.set(this.#running.size, now);
    this.#noteSeats(now);
    ticket.decided = undefined;
    waited?.(true);
  }

  #refuse(ticket: Ticket, reason: Refusal): void {
    ticket.state = "refused";
    ticket.refusal = reason;
    this.#totals.rejected++;
    if (reason === "time-out") this.#totals.timedOut++;
    if (reason === "cancelled") this.#totals.cancelled++;
    const { metrics } = ticket.request;
    metrics.refused(reason);
    metrics.waitUntilRefused.observe((this.#clock.monotonic() - ticket.arrivedAt) / 1000);
  }

  #giveUp(ticket: Ticket, reason: Refusal): void {
    const { queue } = ticket;
    if (ticket.state !== "waiting" || !queue) return;
    const now = this.#sync();
    this.#dequeue(ticket, queue, queue.waiting.indexOf(ticket));
    ticket.timer?.cancel();
    keepAfterArrival(queue);
    this.#noteIfUnused(queue);
    this.#noteWaiting(now);
    this.#refuse(ticket, reason);
    this.#dropSurplus();
    const { decided } = ticket;
    ticket.decided = undefined;
    decided?.(false);
    // The next of this queue may be a narrower one.
    this.#dispatch();
  }

  #release(ticket: Ticket, now: number): void {
    this.#seatsInUse -= ticket.seats;
    if (ticket.queue) ticket.queue.seatsInUse -= ticket.seats;
    ticket.request.metrics.executingSeats.add(-ticket.seats);
    this.#noteSeats(now);
    this.#dropSurplus();
  }

  #noteIfUnused(queue: Queue): void {
    if (queue.waiting.length === 0 && queue.executing === 0) this.#busyQueues--;
  }

  /** Forgets emptied queues beyond those that are wanted. */
  #dropSurplus(): void {
    const wanted = this.#queuing.mode === "queue" ? this.#queuing.queues : 0;
    while (this.#queues.length > wanted && isUnused(this.#queues[this.#queues.length - 1]!)) this.#queues.pop();
  }

  #noteSeats(now: number): void {
    const demand = this.#seatsInUse + this.#seatsWaiting;
    this.#metrics.seats.set(this.#seatsInUse, now);
    this.#metrics.demand.set(demand, now);
    this.#demand.set(demand, now);
  }

  #noteWaiting(now: number): void {
    this.#metrics.waiting.set(this.#waiting, now);
    this.#noteSeats(now);
  }
}

function newQueue(index: number): Queue {
  return { index, waiting: [], executing: 0, seatsInUse: 0, waitingSeats: 0, waitingWork: 0, nextR: 0 };
}

const isUnused = (queue: Queue) => queue.waiting.length === 0 && queue.executing === 0 && queue.seatsInUse === 0;

/** No request begins, in virtual time, before it arrived: a queue that was not busy enough saves up nothing. */
function keepAfterArrival(queue: Queue): void {
  const oldest = queue.waiting[0];
  if (oldest && queue.nextR < oldest.arrivalR) queue.nextR = oldest.arrivalR;
}
