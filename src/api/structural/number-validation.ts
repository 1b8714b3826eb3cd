import type { Schema } from "./structural.ts";
import { type Problem, problem } from "./value-problem.ts";

/**
 * The problems of a number. As upstream, a whole number is compared with the whole part of a limit, and a limit that is
 * no value of the type is a problem of its own.
 */
export function numberProblems(value: number, schema: Schema, format: string, path: string): Problem[] {
  const { multipleOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const type = schema.type === "integer" || schema.type === "number" ? schema.type : "";
  const isWhole = Number.isInteger(value);
  const found: Problem[] = [];
  const outOfRange = rangeProblem(value, type, format, "Checked", path);
  if (outOfRange) found.push(outOfRange);
  /** Checks a limit; `compare` gets it as it is compared with. */
  const limited = (limit: number | undefined, name: string, compare: (limit: number) => Problem | undefined) => {
    if (limit === undefined) return;
    const odd = rangeProblem(limit, type, format, name, path);
    if (odd) found.push(odd);
    const broken = compare(isWhole && !odd ? Math.trunc(limit) : limit);
    if (broken) found.push(broken);
  };
  limited(multipleOf, "MultipleOf", (factor) => {
    if (factor <= 0) {
      const message = `factor MultipleOf declared for ${path} must be positive: ${formatNumber(factor)}`;
      return { ...problem("invalid", path, "", factor), message };
    }
    const ratio = factor < 1 ? (1 / factor) * value : value / factor;
    if (isAlmostWhole(ratio)) return undefined;
    return problem("invalid", path, `should be a multiple of ${formatNumber(factor)}`, value);
  });
  limited(minimum, "Minimum boundary", (limit) => {
    if (exclusiveMinimum ? value > limit : value >= limit) return undefined;
    const text = exclusiveMinimum ? "greater than" : "greater than or equal to";
    return problem("invalid", path, `should be ${text} ${formatNumber(limit)}`, value);
  });
  limited(maximum, "Maximum boundary", (limit) => {
    if (exclusiveMaximum ? value < limit : value <= limit) return undefined;
    const text = exclusiveMaximum ? "less than" : "less than or equal to";
    return problem("invalid", path, `should be ${text} ${formatNumber(limit)}`, value);
  });
  return found;
}

const INT64 = 2 ** 63;
const INT32 = 2 ** 31;
const FLOAT32_MOST = 3.4028234663852886e38;

function rangeProblem(value: number, type: string, format: string, name: string, path: string): Problem | undefined {
  let fits = true;
  if (type === "integer") {
    const bound = format === "int32" ? INT32 : INT64;
    fits = Number.isInteger(value) && value >= -bound && value < bound;
  } else if (format === "float") fits = Math.abs(value) <= FLOAT32_MOST;
  if (fits) return undefined;
  const described = format === "" ? `${type} (default format)` : `${type} with format ${format}`;
  return problem("plain", path, `${name} value must be of type ${described} in ${path}`);
}

/** Whole, but for the rounding of binary fractions. */
function isAlmostWhole(ratio: number): boolean {
  if (!Number.isFinite(ratio) || Math.abs(ratio) > Number.MAX_SAFE_INTEGER) return false;
  const nearest = Math.round(ratio);
  const difference = Math.abs(ratio - nearest);
  if (difference === 0) return true;
  return difference / (Math.abs(ratio) + Math.abs(nearest)) < 1e-9;
}

/** A number as Go prints it (`%v`): exponents have two digits, and begin at 1e+21 and below 1e-04. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-4 && size >= 1e-7) return withExponent(value.toExponential());
  return withExponent(String(value));
}

const withExponent = (text: string) => text.replace(/e([+-])(\d)$/, "e$10$2");
