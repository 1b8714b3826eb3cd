import { type Clock, sleep } from "../base/clock.ts";
import type { Transport, TransportResponse } from "../client/transport.ts";

/** Turns of the event loop without any activity after which nothing is taken to be running. */
const QUIET_TURNS = 3;
/** The same while a request is under way that may wait for the world outside (a webhook, a socket), a millisecond each. */
const QUIET_WAITS = 25;
/** Turns after which components that keep each other busy without time passing are given up. */
const MOST_TURNS = 1_000_000;

/**
 * Knows whether anything is going on in a cluster of this process: every request and every piece of an answer counts.
 * What is going on at the present time ends by itself, as long as nobody moves the clock; `quiescent` waits for that.
 */
export class Activity {
  readonly #realTime: Clock;
  #events = 0;
  #underWay = 0;
  /** Requests that were held back until a certain time. */
  #held = 0;

  /** `realTime` is the machine's clock. */
  constructor(realTime: Clock) {
    this.#realTime = realTime;
  }

  /** Something has happened. */
  note(): void {
    this.#events++;
  }

  /** While `wait` lasts, a request is not waited for: it goes on when the clock is moved. */
  async held<T>(wait: Promise<T>): Promise<T> {
    this.#held++;
    try {
      return await wait;
    } finally {
      this.#held--;
      this.#events++;
    }
  }

  watch(transport: Transport): Transport {
    return {
      request: async (request) => {
        this.#events++;
        this.#underWay++;
        try {
          const response = await transport.request(request);
          return { ...response, body: this.#counted(response) };
        } finally {
          this.#underWay--;
          this.#events++;
        }
      },
      close: () => transport.close(),
    };
  }

  async *#counted(response: TransportResponse): AsyncGenerator<Uint8Array> {
    for await (const chunk of response.body) {
      this.#events++;
      yield chunk;
    }
    this.#events++;
  }

  /** Resolves when everything that can run at the present time has run. */
  async quiescent(): Promise<void> {
    let quiet = 0;
    let waits = 0;
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      const before = this.#events;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#events !== before) {
        quiet = 0;
        waits = 0;
        continue;
      }
      if (++quiet < QUIET_TURNS) continue;
      if (this.#underWay <= this.#held || waits++ >= QUIET_WAITS) return;
      await sleep(this.#realTime, 1);
    }
    throw new Error("the components keep each other busy without end while the clock stands still");
  }
}
