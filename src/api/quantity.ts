/**
 * Resource quantities, exactly as upstream's resource.Quantity: fixed-point numbers of at most nine decimal places, in
 * one of three notations (`1.5Gi`, `1500m`, `15e2`), with one canonical spelling for each value and notation.
 * See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
 */
export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

const NANO = 1_000_000_000n;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** The powers of ten and of 1024 that the suffixes stand for. */
const DECIMAL: Record<string, number> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Record<string, number> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
const DECIMAL_SUFFIXES = new Map(Object.entries(DECIMAL).map(([suffix, power]) => [power, suffix]));
const BINARY_SUFFIXES = new Map(Object.entries(BINARY).map(([suffix, power]) => [power, suffix]));

const SYNTAX = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

/** The text is not a quantity; the message is upstream's. */
export class QuantityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "QuantityError";
  }
}
const malformed = () =>
  new QuantityError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");

/** An immutable amount. Compare with `compare`, never with `===`. */
export class Quantity {
  static readonly zero: Quantity = new Quantity(0n, "DecimalSI");
  /** The amount in billionths. */
  readonly nano: bigint;
  readonly format: QuantityFormat;
  readonly #spelling: string | undefined;
  /** `spelling` is what toString gives in place of the canonical text. */
  constructor(nano: bigint, format: QuantityFormat, spelling?: string) {
    this.nano = nano;
    this.format = format;
    this.#spelling = spelling;
  }

  /** Parses a string, or a number as JSON may carry one. Digits below a billionth round away from zero. Throws QuantityError. */
  static parse(text: string | number): Quantity {
    return parse(String(text));
  }
  /** `value` whole units (or `milli` thousandths). */
  static of(value: number | bigint, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(value) * NANO, format);
  }
  static ofMilli(milli: number | bigint, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(milli) * 1_000_000n, format);
  }

  get isZero(): boolean {
    return this.nano === 0n;
  }
  /** -1, 0 or 1. */
  get sign(): number {
    return this.nano < 0n ? -1 : this.nano > 0n ? 1 : 0;
  }
  compare(other: Quantity): number {
    return this.nano < other.nano ? -1 : this.nano > other.nano ? 1 : 0;
  }
  /** The sum, in this notation (in the other's where this is zero). */
  add(other: Quantity): Quantity {
    return new Quantity(this.nano + other.nano, this.nano === 0n ? other.format : this.format);
  }
  subtract(other: Quantity): Quantity {
    return new Quantity(this.nano - other.nano, this.nano === 0n ? other.format : this.format);
  }
  negate(): Quantity {
    return new Quantity(-this.nano, this.format);
  }
  /** Whole units, rounded away from zero and held within int64. Inexact above 2^53. */
  value(): number {
    return Number(this.valueBigInt());
  }
  valueBigInt(): bigint {
    return clampInt64(divideAway(this.nano, NANO));
  }
  /** Thousandths, rounded away from zero and held within int64. Inexact above 2^53. */
  milliValue(): number {
    return Number(clampInt64(divideAway(this.nano, 1_000_000n)));
  }
  /** The value as a floating-point number. */
  toNumber(): number {
    return Number(this.nano / NANO) + Number(this.nano % NANO) / 1e9;
  }

  /**
   * The canonical spelling: no fraction, and the largest suffix that allows that. A binary amount that is small or not
   * whole gets a decimal suffix. What was parsed keeps its own spelling where upstream takes that for canonical.
   */
  toString(): string {
    if (this.#spelling !== undefined) return this.#spelling;
    if (this.nano === 0n) return "0";
    const small = this.nano > -1024n * NANO && this.nano < 1024n * NANO;
    if (this.format === "BinarySI" && !small && this.nano % NANO === 0n) {
      let value = this.nano / NANO;
      let power = 0;
      while (power < 6 && value % 1024n === 0n) {
        value /= 1024n;
        power++;
      }
      return `${value}${BINARY_SUFFIXES.get(power) ?? ""}`;
    }
    let value = this.nano;
    let power = -9;
    const most = this.format === "DecimalExponent" ? Number.MAX_SAFE_INTEGER : 18;
    while (power < most && value % 1000n === 0n) {
      value /= 1000n;
      power += 3;
    }
    if (this.format === "DecimalExponent") return power === 0 ? `${value}` : `${value}e${power}`;
    return `${value}${DECIMAL_SUFFIXES.get(power)}`;
  }
  toJSON(): string {
    return this.toString();
  }
}

/** Whole units of a quantity as the API carries it; 0 for an absent one. Throws QuantityError. */
export function quantityValue(text: string | number | undefined): number {
  return text === undefined ? 0 : Quantity.parse(text).value();
}

/** Thousandths of a quantity as the API carries it; 0 for an absent one. Throws QuantityError. */
export function quantityMilliValue(text: string | number | undefined): number {
  return text === undefined ? 0 : Quantity.parse(text).milliValue();
}

/** The spelling of `text` that upstream would store. Throws QuantityError. */
export function canonicalQuantity(text: string | number): string {
  return parse(String(text)).toString();
}

function parse(text: string): Quantity {
  if (text === "") throw malformed();
  if (text === "0") return Quantity.zero;
  const match = SYNTAX.exec(text);
  if (!match) throw malformed();
  const [, sign, leading, fraction = "", suffix] = match as unknown as [string, string, string, string?, string?];
  const integer = leading.replace(/^0+/, "");
  const { format, power } = readSuffix(suffix ?? "");
  // Amounts this large or small occur nowhere; computing them would only cost time.
  if (power > 1000 || power < -1000) throw new QuantityError("unable to parse numeric part of quantity");
  // Without any digit upstream reads a zero, but for suffixes that its quick path does not cover.
  if (leading === "" && fraction === "" && (format === "BinarySI" ? power >= 50 : power < -9)) {
    throw new QuantityError("unable to parse numeric part of quantity");
  }
  let numerator = BigInt(`${integer}${fraction}` || "0");
  let denominator = 10n ** BigInt(fraction.length);
  if (format === "BinarySI") numerator <<= BigInt(power);
  else if (power >= 0) numerator *= 10n ** BigInt(power);
  else denominator *= 10n ** BigInt(-power);

  let nano = divideAway(numerator * NANO, denominator);
  if (format === "BinarySI" && nano > MAX_INT64 * NANO) nano = MAX_INT64 * NANO;
  const notation = format === "BinarySI" && nano > 0n && nano < NANO ? "DecimalSI" : format;
  const spelling = keepsSpelling(format, integer, fraction, power) ? text : undefined;
  return new Quantity(sign === "-" ? -nano : nano, notation, spelling);
}

function readSuffix(suffix: string): { format: QuantityFormat; power: number } {
  if (Object.hasOwn(DECIMAL, suffix)) return { format: "DecimalSI", power: DECIMAL[suffix]! };
  if (Object.hasOwn(BINARY, suffix)) return { format: "BinarySI", power: BINARY[suffix]! * 10 };
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix);
  if (!exponent) throw new QuantityError("unable to parse quantity's suffix");
  return { format: "DecimalExponent", power: Number(exponent[1]) };
}

/**
 * Whether upstream takes a number as written for canonical. It does so by a quick check on the digits, which also lets
 * some other spellings through ("1.234", "05"): they are stored and shown as they were written.
 */
function keepsSpelling(format: QuantityFormat, integer: string, fraction: string, power: number): boolean {
  const digits = integer + fraction;
  if (format === "BinarySI") {
    if (fraction !== "" || 15 - digits.length - Math.trunc((power * 3) / 10) - 1 < 0) return false;
    return (BigInt(digits || "0") & 7n) !== 0n;
  }
  const scale = power - fraction.length;
  if (digits.length > 18 || scale < -9) return false;
  return scale % 3 === 0 && integer !== "" && !digits.endsWith("000");
}

function divideAway(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  if (value % divisor === 0n) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

const clampInt64 = (value: bigint) => (value > MAX_INT64 ? MAX_INT64 : value < MIN_INT64 ? MIN_INT64 : value);
