import type { Clock } from "../../base/clock.ts";

const LONGEST_SECONDS = 32;

interface Drops {
  second: number;
  count: number;
}

interface LevelDrops {
  current: Drops;
  history: Drops[];
  seconds: number;
  raisedAt: number;
}

/**
 * What refused clients are told to wait, per priority level: doubled while a level goes on refusing three requests per
 * second and more (at most 32 s), and shortened by a second at a time when it refuses less than one.
 */
export class RetryAfter {
  readonly #clock: Clock;
  readonly #levels = new Map<string, LevelDrops>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a refusal; returns the seconds to tell the client. */
  refused(level: string): number {
    const second = Math.floor(this.#clock.now() / 1000);
    let drops = this.#levels.get(level);
    if (!drops) {
      drops = { current: { second, count: 0 }, history: [], seconds: 1, raisedAt: 0 };
      this.#levels.set(level, drops);
    }
    if (drops.current.second !== second) {
      const longest = Math.min(2 * drops.seconds, LONGEST_SECONDS);
      drops.history.push(drops.current);
      drops.history = drops.history.filter((one) => second - one.second <= longest);
      drops.current = { second, count: 0 };
      reconsider(drops, second);
    }
    drops.current.count++;
    return drops.seconds;
  }
}

function reconsider(drops: LevelDrops, second: number): void {
  const { seconds, history } = drops;
  const recent = history.reduce((sum, one) => (second - one.second <= seconds ? sum + one.count : sum), 0);
  if (second - drops.raisedAt >= seconds && recent >= 3 * seconds) {
    drops.seconds = Math.min(2 * seconds, LONGEST_SECONDS);
    drops.raisedAt = second;
  } else if (recent < seconds && seconds > 1) {
    drops.seconds--;
  }
}
