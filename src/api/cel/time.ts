import { Duration, Fault, Timestamp } from "./values.ts";

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339 with up to nanoseconds. Throws a Fault. */
export function parseTimestamp(text: string): Timestamp {
  const match = RFC3339.exec(text);
  if (!match) throw invalid();
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const daysInMonth = new Map([
    [2, leap(year) ? 29 : 28],
    [4, 30],
    [6, 30],
    [9, 30],
    [11, 30],
  ]);
  if (month < 1 || month > 12 || day < 1 || day > (daysInMonth.get(month) ?? 31)) throw invalid();
  if (hour > 23 || minute > 59 || second > 59) throw invalid();
  const date = Date.UTC(2000, month - 1, day, hour, minute, second);
  // Date.UTC takes years below 100 for others; the years of a cycle of 400 are alike.
  const cycles = BigInt(Math.floor((year - 2000) / 400));
  const rest = (((year - 2000) % 400) + 400) % 400;
  const millis = rest === 0 ? date : Date.UTC(2000 + rest, month - 1, day, hour, minute, second);
  const zone = match[8]!;
  const offset = /[Zz]/.test(zone)
    ? 0
    : (zone[0] === "-" ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6)));
  const seconds = BigInt(millis / 1000) + cycles * 12_622_780_800n - BigInt(offset) * 60n;
  return new Timestamp(seconds * 1_000_000_000n + BigInt((match[7] ?? "").padEnd(9, "0")));
}
const leap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
const invalid = (): Fault => new Fault("type conversion error from 'string' to 'google.protobuf.Timestamp'");

/** RFC 3339 in UTC, fractions without trailing zeros. */
export function timestampText({ nanos }: Timestamp): string {
  const [seconds, rest] = floorDivide(nanos, 1_000_000_000n);
  const iso = new Date(Number(seconds) * 1000).toISOString().replace(/\.000Z$/, "");
  const fraction = rest === 0n ? "" : `.${String(rest).padStart(9, "0").replace(/0+$/, "")}`;
  return `${iso}${fraction}Z`;
}

export function floorDivide(a: bigint, b: bigint): [quotient: bigint, rest: bigint] {
  const rest = ((a % b) + b) % b;
  return [(a - rest) / b, rest];
}

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Go's time.ParseDuration: `1h15m30.918s`. Throws a Fault. */
export function parseDuration(text: string): Duration {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (!match) throw new Fault("type conversion error from 'string' to 'google.protobuf.Duration'");
  let nanos = 0n;
  for (const [, whole, fraction = "", unit] of match[2]!.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const scale = UNITS[unit!]!;
    nanos += BigInt(whole || "0") * scale;
    if (fraction) nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  return new Duration(match[1] === "-" ? -nanos : nanos);
}

/** As cel-go writes it: seconds, with a fraction where there is one. */
export function durationText({ nanos }: Duration): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${nanos < 0n ? "-" : ""}${size / 1_000_000_000n}${fraction && `.${fraction}`}s`;
}
