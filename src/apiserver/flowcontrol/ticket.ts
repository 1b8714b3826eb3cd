import type { UserInfo } from "../../api/user.ts";
import type { Timer } from "../../base/clock.ts";
import type { RequestInfo } from "../request-info.ts";
import type { Refusal, SchemaMetrics } from "./metrics.ts";
import { seatsOf, type WorkEstimate } from "./work-estimate.ts";

/** What a request is, for queuing and for the dumps. */
export interface FlowRequest {
  readonly schema: string;
  /** What tells its flow from others of the schema: the user or the namespace. */
  readonly distinguisher: string;
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly work: WorkEstimate;
  readonly metrics: SchemaMetrics;
}

/** One of the queues of a level. */
export interface Queue {
  readonly index: number;
  readonly waiting: Ticket[];
  /** Requests taken from here that are being executed; without those that only linger. */
  executing: number;
  seatsInUse: number;
  /** Seats that the waiting requests ask for, and their work in seat-milliseconds. */
  waitingSeats: number;
  waitingWork: number;
  /** The virtual time at which the next request begins. */
  nextR: number;
}

/** The work that an average request is taken for while its own is not known yet, as upstream. */
export const ESTIMATED_SERVICE_MS = 3;

/** A request on its way through a QueueSet. */
export class Ticket {
  state: "waiting" | "executing" | "finished" | "refused" = "waiting";
  refusal: Refusal | undefined;
  readonly request: FlowRequest;
  readonly seats: number;
  readonly queue: Queue | undefined;
  readonly arrivedAt: number;
  readonly arrivalR: number;
  startedAt = 0;
  /** In seat-milliseconds. */
  readonly work: number;
  lingerMs: number;
  /** Set while the request waits. */
  timer: Timer | undefined;
  decided: ((executes: boolean) => void) | undefined;

  constructor(request: FlowRequest, queue: Queue | undefined, arrivedAt: number, arrivalR: number) {
    const { work } = request;
    this.request = request;
    this.queue = queue;
    this.arrivedAt = arrivedAt;
    this.arrivalR = arrivalR;
    this.seats = seatsOf(work);
    this.lingerMs = work.lingerMs;
    this.work = work.initialSeats * ESTIMATED_SERVICE_MS + work.finalSeats * work.lingerMs;
  }
}
