import type { Clock } from "../base/clock.ts";
import type { Store, Watch } from "../store/store.ts";

/** What is written although nothing is going on: signs of life, and what tells of things. */
const SIGNS_OF_LIFE = ["/registry/leases/", "/registry/events/", "/registry/masterleases/"];
const REMEMBERED_KEYS = 3;

/** Sees from the store when something was last written that is more than a sign of life. */
export class WorkMeter {
  readonly #clock: Clock;
  readonly #watch: Watch;
  #lastWorkAt: number;
  #lastKeys: string[] = [];

  constructor(store: Store, clock: Clock) {
    this.#clock = clock;
    this.#lastWorkAt = clock.now();
    this.#watch = store.watch("/registry/", 0, {
      onEvents: (events) => {
        for (const { key } of events) {
          if (SIGNS_OF_LIFE.some((prefix) => key.startsWith(prefix))) continue;
          this.#lastWorkAt = clock.now();
          this.#lastKeys = [key, ...this.#lastKeys.filter((one) => one !== key)].slice(0, REMEMBERED_KEYS);
        }
      },
      // Only the store's end ends it.
      onError: () => {},
    });
  }

  /** Wall time in ms. */
  get lastWorkAt(): number {
    return this.#lastWorkAt;
  }

  /** The keys written last, newest first. */
  get lastKeys(): readonly string[] {
    return this.#lastKeys;
  }

  /** Counts from now on: what has just been asked for may only begin. */
  restart(): void {
    this.#lastWorkAt = this.#clock.now();
    this.#lastKeys = [];
  }

  stop(): void {
    this.#watch.close();
  }
}
