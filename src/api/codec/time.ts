/** Times as the API writes them: RFC 3339, in UTC, with whole seconds or with exactly six decimals. */

/** A text that is not such a time; the message is that of Go's time package. */
export class TimeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

const SECONDS = "2006-01-02T15:04:05Z07:00";
const MICROSECONDS = "2006-01-02T15:04:05.000000Z07:00";

/** The canonical form of a time, cut to whole seconds: `2026-01-02T03:04:05Z`. Throws TimeError. */
export function canonicalTime(text: string): string {
  if (/^\d{4}-\d\d-(?:[01]\d|2[0-8])T[01]\d:[0-5]\d:[0-5]\dZ$/.test(text) && isPlainDate(text)) return text;
  const { milliseconds } = parse(text, SECONDS);
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** The canonical form of a time with microseconds: `2026-01-02T03:04:05.000000Z`. Throws TimeError. */
export function canonicalMicroTime(text: string): string {
  const { milliseconds, fraction } = parse(text, MICROSECONDS);
  return `${new Date(milliseconds).toISOString().slice(0, 19)}${fraction}Z`;
}

/** Wall time in ms as the API writes it. */
export const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Wall time in ms (fractions give the microseconds) as the API writes a MicroTime. */
export function microTimeOf(ms: number): string {
  const micros = Math.floor((ms - Math.floor(ms)) * 1000);
  return `${new Date(Math.floor(ms)).toISOString().slice(0, 23)}${String(micros).padStart(3, "0")}Z`;
}

const isPlainDate = (text: string) => {
  const month = text.slice(5, 7);
  return month >= "01" && month <= "12" && text.slice(8, 10) !== "00";
};

/** The pieces of the layout, in order, with what each accepts. */
const PIECES: readonly [layout: string, pattern: RegExp][] = [
  ["2006", /^\d{4}/],
  ["-", /^-/],
  ["01", /^\d\d/],
  ["-", /^-/],
  ["02", /^\d\d/],
  ["T", /^T/],
  ["15", /^\d{1,2}/],
  [":", /^:/],
  ["04", /^\d\d/],
  [":", /^:/],
  ["05", /^\d\d/],
];

function parse(text: string, layout: string): { milliseconds: number; fraction: string } {
  const quoted = JSON.stringify(text);
  let rest = text;
  const values: number[] = [];
  const take = (piece: string, pattern: RegExp): string => {
    const match = pattern.exec(rest);
    if (!match) {
      throw new TimeError(
        `parsing time ${quoted} as "${layout}": cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(piece)}`,
      );
    }
    rest = rest.slice(match[0].length);
    return match[0];
  };
  for (const [piece, pattern] of PIECES) {
    const found = take(piece, pattern);
    if (/\d/.test(found)) values.push(Number(found));
    if (piece === "01") check(values[1]! >= 1 && values[1]! <= 12, "month");
    if (piece === "15") check(values[3]! <= 23, "hour");
    if (piece === "04") check(values[4]! <= 59, "minute");
    if (piece === "05") check(values[5]! <= 59, "second");
  }
  const fraction = layout === MICROSECONDS ? take(".000000", /^\.\d{6}(?!\d)/) : (/^[.,]\d+/.exec(rest)?.[0] ?? "");
  if (layout === SECONDS) rest = rest.slice(fraction.length);
  const zone = take("Z07:00", /^(?:Z|[+-]\d\d:\d\d)/);
  if (rest !== "") throw new TimeError(`parsing time ${quoted}: extra text: ${JSON.stringify(rest)}`);
  const [year, month, day, hour, minute, second] = values as [number, number, number, number, number, number];
  const start = new Date(0);
  start.setUTCFullYear(year, month - 1, day);
  check(day >= 1 && start.getUTCMonth() === month - 1, "day");
  const offset =
    zone === "Z" ? 0 : (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))) * (zone[0] === "-" ? -1 : 1);
  const milliseconds = start.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000;
  return { milliseconds, fraction };

  function check(good: boolean, what: string): void {
    if (!good) throw new TimeError(`parsing time ${quoted}: ${what} out of range`);
  }
}
