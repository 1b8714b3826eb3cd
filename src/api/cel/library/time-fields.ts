/** The parts of timestamps, in UTC or in a named zone or offset, and of durations. */
import type { Implementation, Library } from "../functions.ts";
import { floorDivide } from "../time.ts";
import { type Duration, Fault, type Timestamp } from "../values.ts";

const MILLIS = 1_000_000n;

/** The wall clock of a moment in a zone, as the UTC fields of a date. */
function wallClock({ nanos }: Timestamp, zone: string): Date {
  const millis = Number(floorDivide(nanos, MILLIS)[0]);
  return new Date(millis + offsetOf(zone, millis));
}

function offsetOf(zone: string, millis: number): number {
  if (zone === "" || zone === "UTC") return 0;
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (fixed) return (fixed[1] === "-" ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000;
  const parts = zoneFormat(zone).formatToParts(millis);
  const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value);
  const wall = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return wall - Math.floor(millis / 1000) * 1000;
}

const zones = new Map<string, Intl.DateTimeFormat>();
function zoneFormat(zone: string): Intl.DateTimeFormat {
  let format = zones.get(zone);
  if (format) return format;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    throw new Fault(`unknown time zone ${zone}`);
  }
  zones.set(zone, format);
  return format;
}

const DAY = 86_400_000;
const FIELDS: Readonly<Record<string, (clock: Date) => number>> = {
  getDate: (clock) => clock.getUTCDate(),
  getDayOfMonth: (clock) => clock.getUTCDate() - 1,
  getDayOfWeek: (clock) => clock.getUTCDay(),
  getDayOfYear: (clock) => Math.floor((clock.getTime() - Date.UTC(clock.getUTCFullYear(), 0, 1)) / DAY),
  getFullYear: (clock) => clock.getUTCFullYear(),
  getHours: (clock) => clock.getUTCHours(),
  getMilliseconds: (clock) => clock.getUTCMilliseconds(),
  getMinutes: (clock) => clock.getUTCMinutes(),
  getMonth: (clock) => clock.getUTCMonth(),
  getSeconds: (clock) => clock.getUTCSeconds(),
};
const DURATION_UNITS: Readonly<Record<string, bigint>> = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
  getMilliseconds: MILLIS,
};

export const timeFields: Library = Object.fromEntries([
  ...Object.entries(FIELDS).flatMap(([name, field]): [string, Implementation][] => [
    [`timestamp -> ${name}(): int`, (time: Timestamp) => BigInt(field(wallClock(time, "")))],
    [`timestamp -> ${name}(string): int`, (time: Timestamp, zone: string) => BigInt(field(wallClock(time, zone)))],
  ]),
  ...Object.entries(DURATION_UNITS).map(([name, unit]): [string, Implementation] => [
    `duration -> ${name}(): int`,
    ({ nanos }: Duration) => nanos / unit,
  ]),
]);
