/** Decay of the smoothed demand per adjustment: a half-life of five minutes with adjustments every ten seconds. */
const SMOOTHING = 0.977;

/** How many seats a level could have used since the last adjustment, weighted by time. */
export class SeatDemand {
  highWatermark = 0;
  average = 0;
  deviation = 0;
  /** Follows rises of average + deviation at once, and falls slowly. */
  smoothed = 0;
  #current = 0;
  #most = 0;
  #since: number;
  #start: number;
  #integral = 0;
  #squares = 0;

  constructor(now: number) {
    this.#since = now;
    this.#start = now;
  }

  /** `seats` are wanted from `now` (monotonic ms) on. */
  set(seats: number, now: number): void {
    this.#advance(now);
    this.#current = seats;
    if (seats > this.#most) this.#most = seats;
  }

  /** Ends a period: brings the figures up to date and begins the next one. */
  adjust(now: number): void {
    this.#advance(now);
    this.highWatermark = this.#most;
    const duration = now - this.#start;
    if (duration > 0) {
      this.average = this.#integral / duration;
      this.deviation = Math.sqrt(Math.max(0, this.#squares / duration - this.average ** 2));
      const envelope = this.average + this.deviation;
      this.smoothed = Math.max(envelope, SMOOTHING * this.smoothed + (1 - SMOOTHING) * envelope);
    }
    this.#start = now;
    this.#integral = 0;
    this.#squares = 0;
    this.#most = this.#current;
  }

  #advance(now: number): void {
    const elapsed = now - this.#since;
    if (elapsed <= 0) return;
    this.#since = now;
    this.#integral += this.#current * elapsed;
    this.#squares += this.#current ** 2 * elapsed;
  }
}
