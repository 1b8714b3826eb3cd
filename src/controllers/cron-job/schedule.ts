import { parseDuration } from "../../api/duration.ts";
import { cronProblem, timeZoneProblem } from "../../api/resources/batch/cron-format.ts";
import { wallClock } from "./wall-clock.ts";

/** When a CronJob is due. */
export interface Schedule {
  /** The first time after `ms`, as wall time in ms; undefined where there is none within five years. */
  next(ms: number): number | undefined;
}

export class ScheduleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ScheduleError";
  }
}

interface Field {
  readonly values: ReadonlySet<number>;
  /** Whether it was `*`: then it says nothing of its own. */
  readonly any: boolean;
}

const FIELDS = [
  { min: 0, max: 59, names: "" },
  { min: 0, max: 23, names: "" },
  { min: 1, max: 31, names: "" },
  { min: 1, max: 12, names: "jan feb mar apr may jun jul aug sep oct nov dec" },
  { min: 0, max: 6, names: "sun mon tue wed thu fri sat" },
] as const;
const DESCRIPTORS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEARS_AHEAD = 5;

/**
 * Reads five cron fields, a descriptor or `@every <duration>`, in `timeZone` or the machine's own. Where both the day of
 * the month and of the week are given, either will do. Throws a ScheduleError.
 */
export function parseSchedule(text: string, timeZone?: string): Schedule {
  const problem = cronProblem(text) ?? (timeZone === undefined ? undefined : timeZoneProblem(timeZone));
  if (problem) throw new ScheduleError(problem);
  const [, prefix, rest = ""] = /^(?:(?:CRON_)?TZ=(\S*)\s*)?(.*)$/s.exec(text)!;
  if (rest.startsWith("@every ")) {
    const period = Math.max(1000, Math.floor(parseDuration(rest.slice(7)) / 1000) * 1000);
    return { next: (ms) => Math.floor(ms / 1000) * 1000 + period };
  }
  const fields = (DESCRIPTORS[rest] ?? rest)
    .trim()
    .split(/\s+/)
    .map((field, index) => parseField(field, FIELDS[index]!));
  return fieldSchedule(fields, timeZone ?? prefix);
}

function parseField(text: string, { min, max, names }: (typeof FIELDS)[number]): Field {
  const list = names.split(" ");
  // Months count from one, days of the week from nought.
  const number = (word: string) => {
    const index = list.indexOf(word.toLowerCase());
    return names && index >= 0 ? index + min : Number(word);
  };
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(",").filter((one) => one !== "")) {
    const [range = "", stepText] = part.split("/");
    const step = Number(stepText ?? 1);
    const star = range === "*" || range === "?";
    const [low = "", high] = range.split("-");
    const first = star ? min : number(low);
    const last = star ? max : high === undefined ? (stepText === undefined ? first : max) : number(high);
    if (star && step === 1) any = true;
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return { values, any };
}

function fieldSchedule(fields: readonly Field[], timeZone: string | undefined): Schedule {
  const [minutes, hours, days, months, weekdays] = fields as [Field, Field, Field, Field, Field];
  const clock = wallClock(timeZone);
  const dayFits = (wall: Date) => {
    const byMonth = days.values.has(wall.getUTCDate());
    const byWeek = weekdays.values.has(wall.getUTCDay());
    return days.any || weekdays.any ? byMonth && byWeek : byMonth || byWeek;
  };
  /** The next wall time after `wall` that fits; wall times are written as if they were UTC. */
  const nextWall = (wall: number): number | undefined => {
    let time = Math.floor(wall / MINUTE) * MINUTE + MINUTE;
    const limit = time + YEARS_AHEAD * 366 * DAY;
    while (time < limit) {
      const date = new Date(time);
      if (!months.values.has(date.getUTCMonth() + 1)) time = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
      else if (!dayFits(date)) time = Math.floor(time / DAY) * DAY + DAY;
      else if (!hours.values.has(date.getUTCHours())) time = Math.floor(time / HOUR) * HOUR + HOUR;
      else if (!minutes.values.has(date.getUTCMinutes())) time += MINUTE;
      else return time;
    }
    return undefined;
  };
  return {
    next(ms) {
      for (let wall = nextWall(clock.wallOf(ms)); wall !== undefined; wall = nextWall(wall)) {
        // A time that the clock leaps over does not come; one that it goes through twice counts once.
        const instant = clock.instantOf(wall);
        if (instant !== undefined && instant > ms) return instant;
      }
      return undefined;
    },
  };
}
