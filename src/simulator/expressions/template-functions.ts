import { jsonEqual } from "../../api/json-equal.ts";
import { printed, type TemplateFunctions, truth } from "./template-values.ts";

/**
 * The functions that every template has: Go's own (https://pkg.go.dev/text/template#hdr-Functions), and those of the
 * Sprig collection (https://masterminds.github.io/sprig/) that are pure and about values as JSON has them.
 */
export const builtinFunctions: TemplateFunctions = {
  not: (value) => !truth(value),
  eq: (first, ...others) => others.some((other) => equal(first, other)),
  ne: (first, second) => !equal(first, second),
  lt: (first, second) => order(first, second) < 0,
  le: (first, second) => order(first, second) <= 0,
  gt: (first, second) => order(first, second) > 0,
  ge: (first, second) => order(first, second) >= 0,
  len: (value) => (typeof value === "object" && value ? Object.keys(value).length : Buffer.byteLength(text(value))),
  index: (value, ...keys) => keys.reduce(item, value),
  print: (...values) => values.map(printed).join(""),
  println: (...values) => `${values.map(printed).join(" ")}\n`,
  printf: (format, ...values) => formatted(text(format), values),

  dict: (...pairs) => {
    const result: Record<string, unknown> = {};
    for (let index = 0; index < pairs.length; index += 2) result[text(pairs[index])] = pairs[index + 1] ?? "";
    return result;
  },
  list: (...values) => values,
  get: (map, key) => item(map, key) ?? "",
  hasKey: (map, key) => typeof map === "object" && map !== null && Object.hasOwn(map, text(key)),
  default: (fallback, value) => (truth(value) ? value : fallback),
  coalesce: (...values) => values.find(truth),
  empty: (value) => !truth(value),
  ternary: (whenTrue, whenFalse, condition) => (truth(condition) ? whenTrue : whenFalse),
  toJson: (value) => JSON.stringify(value ?? null),
  quote: (...values) => values.map((value) => JSON.stringify(text(value))).join(" "),
  squote: (...values) => values.map((value) => `'${text(value)}'`).join(" "),
  toString: (value: unknown) => text(value),
  int: (value) => integer(value),
  int64: (value) => integer(value),
  add: (...values) => values.reduce((sum: number, value: unknown) => sum + integer(value), 0),
  add1: (value: unknown) => integer(value) + 1,
  sub: (first, second) => integer(first) - integer(second),
  mul: (...values) => values.reduce((product: number, value: unknown) => product * integer(value), 1),
  div: (first, second) => Math.trunc(integer(first) / integer(second)),
  mod: (first, second) => integer(first) % integer(second),
  max: (...values) => Math.max(...values.map(integer)),
  min: (...values) => Math.min(...values.map(integer)),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  trim: (value) => text(value).trim(),
  trimPrefix: (prefix, value) => {
    const [start, whole] = [text(prefix), text(value)];
    return whole.startsWith(start) ? whole.slice(start.length) : whole;
  },
  trimSuffix: (suffix, value) => {
    const [end, whole] = [text(suffix), text(value)];
    return end !== "" && whole.endsWith(end) ? whole.slice(0, -end.length) : whole;
  },
  hasPrefix: (prefix, value) => text(value).startsWith(text(prefix)),
  hasSuffix: (suffix, value) => text(value).endsWith(text(suffix)),
  contains: (part, value) => text(value).includes(text(part)),
  replace: (from, to, value) => text(value).replaceAll(text(from), text(to)),
  trunc: (length, value) =>
    integer(length) < 0 ? text(value).slice(integer(length)) : text(value).slice(0, integer(length)),
  join: (separator, values) => array(values).map(text).join(text(separator)),
  splitList: (separator, value) => text(value).split(text(separator)),
  first: (values) => array(values)[0],
  last: (values) => array(values).at(-1),
  indent: (spaces, value) => text(value).replace(/^/gm, " ".repeat(integer(spaces))),
  nindent: (spaces, value) => `\n${text(value).replace(/^/gm, " ".repeat(integer(spaces)))}`,
};

const text = (value: unknown): string => (value === null || value === undefined ? "" : printed(value));

function array(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`template: ${JSON.stringify(value)} is no list`);
  return value;
}

function integer(value: unknown): number {
  const number = Number(value);
  return Number.isFinite(number) ? Math.trunc(number) : 0;
}

/** As kwok has it, numbers of JSON may be compared with their text. */
const equal = (first: unknown, second: unknown): boolean => jsonEqual(first ?? null, second ?? null);

function order(first: unknown, second: unknown): number {
  if (typeof first === "number" && typeof second === "number") return first - second;
  if (typeof first === "string" && typeof second === "string") return first < second ? -1 : first > second ? 1 : 0;
  throw new Error(`template: incompatible types for comparison: ${JSON.stringify(first)}, ${JSON.stringify(second)}`);
}

function item(value: unknown, key: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    const index = integer(key);
    if (index < 0 || index >= value.length) throw new Error(`template: index out of range: ${index}`);
    return value[index];
  }
  if (typeof value === "object") {
    const name = text(key);
    return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  throw new Error(`template: can't index ${JSON.stringify(value)}`);
}

/** Go's verbs %s, %v, %d, %q, %f and %%, with a width and leading zeros. */
function formatted(format: string, values: readonly unknown[]): string {
  let next = 0;
  return format.replace(
    /%(-?0?\d*)(?:\.(\d+))?([svdqfxt%])/g,
    (_, width: string, precision: string | undefined, verb) => {
      if (verb === "%") return "%";
      if (next >= values.length)
        throw new Error(`template: printf has too few arguments for ${JSON.stringify(format)}`);
      const value = values[next++];
      let shown = verb === "q" ? JSON.stringify(text(value)) : text(value);
      if (verb === "f") shown = Number(value).toFixed(precision === undefined ? 6 : Number(precision));
      if (verb === "x")
        shown = typeof value === "number" ? value.toString(16) : Buffer.from(text(value)).toString("hex");
      const length = Math.abs(Number(width));
      if (width.startsWith("-")) return shown.padEnd(length);
      return shown.padStart(length, width.startsWith("0") ? "0" : " ");
    },
  );
}
