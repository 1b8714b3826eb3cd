/** Durations as the API and upstream's flags write them: Go's `1h15m30.5s`. Kept in nanoseconds where exactness matters. */

const UNITS: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX = 2n ** 63n - 1n;

/** Milliseconds of a duration text. Throws a RangeError in Go's words. */
export function parseDuration(text: string): number {
  return Number(parseDurationNanoseconds(text)) / 1e6;
}

/** Nanoseconds of a duration text; digits below a nanosecond are cut off. Throws a RangeError in Go's words. */
export function parseDurationNanoseconds(text: string): bigint {
  const quoted = JSON.stringify(text);
  const unsigned = text.replace(/^[-+]/, "");
  if (unsigned === "0") return 0n;
  if (unsigned === "") throw new RangeError(`time: invalid duration ${quoted}`);
  let total = 0n;
  let rest = unsigned;
  while (rest !== "") {
    const number = /^([0-9]*)(?:\.([0-9]*))?/.exec(rest)!;
    const [all, whole = "", fraction = ""] = number;
    if (whole === "" && fraction === "") throw new RangeError(`time: invalid duration ${quoted}`);
    rest = rest.slice(all.length);
    const unit = /^[^0-9.]*/.exec(rest)![0];
    if (unit === "") throw new RangeError(`time: missing unit in duration ${quoted}`);
    const size = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
    if (size === undefined) throw new RangeError(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    rest = rest.slice(unit.length);
    total += BigInt(whole || "0") * size + (BigInt(fraction || "0") * size) / 10n ** BigInt(fraction.length);
    if (total > MAX) throw new RangeError(`time: invalid duration ${quoted}`);
  }
  return text.startsWith("-") ? -total : total;
}

/** The canonical text of a duration given in ms: `1h15m30.5s`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  return formatDurationNanoseconds(BigInt(Math.round(ms * 1e6)));
}

/** The canonical text of a duration given in nanoseconds. */
export function formatDurationNanoseconds(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  for (const unit of ["ns", "µs", "ms"] as const) {
    const unitSize = UNITS[unit]!;
    if (size < unitSize * 1000n) return `${sign}${decimal(size, unitSize)}${unit}`;
  }
  const minutes = size / UNITS.m!;
  const seconds = `${decimal(size % UNITS.m!, UNITS.s!)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  const hours = minutes / 60n;
  return `${sign}${hours > 0n ? `${hours}h` : ""}${minutes % 60n}m${seconds}`;
}

/** `value / unit` with as many decimals as it takes. */
function decimal(value: bigint, unit: bigint): string {
  const fraction = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, "0")
    .replace(/0+$/, "");
  return fraction === "" || unit === 1n ? `${value / unit}` : `${value / unit}.${fraction}`;
}
