/** Between instants and what the clocks of a time zone show then. Wall times are written as ms, as if they were UTC. */
export interface WallClock {
  wallOf(instant: number): number;
  /** The first instant at which the clocks show `wall`; undefined where they leap over it. */
  instantOf(wall: number): number | undefined;
}

const DAY = 86_400_000;

/** `timeZone` is an IANA name; absent: the machine's own. */
export function wallClock(timeZone?: string): WallClock {
  if (timeZone === "UTC") return { wallOf: (instant) => instant, instantOf: (wall) => wall };
  const format = new Intl.DateTimeFormat("en-US", {
    ...(timeZone ? { timeZone } : {}),
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const wallOf = (instant: number): number => {
    const parts: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(instant)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1000) + 1000) % 1000);
  };
  return {
    wallOf,
    instantOf(wall) {
      // The offset is that of the day before or of the day after: what it is in between, one of the two tells.
      const offsets = [wall - DAY, wall + DAY].map((near) => wallOf(near) - near);
      const instants = offsets.map((offset) => wall - offset).filter((instant) => wallOf(instant) === wall);
      return instants.length > 0 ? Math.min(...instants) : undefined;
    },
  };
}
