import { SyntaxReader } from "./syntax-reader.ts";

/** All the values that a query yields for an input. Throws a QueryError where the input has another shape. */
type Step = (input: unknown) => readonly unknown[];

/** What could not be applied to an input: `.a` of a number, `.[]` of null. */
class QueryError extends Error {}

/**
 * A query in the part of jq's language (https://jqlang.org/manual/) that stage files use: paths (`.a.b`, `.["a"]`,
 * `.[0]`, `.[]`, each with `?`), `|`, `,`, `//`, `-`, comparisons, `and`, `or`, `select`, `not`, `length`, `keys`, `has`,
 * `any`, `tostring`, `ascii_downcase`, `startswith`, `endswith`, `test`, and literals. Anything else is refused when
 * the query is compiled, by a SyntaxError that says where.
 *
 * The compiled query gives the non-null values, or undefined where the input has not the shape it asks for.
 */
export function compileQuery(source: string): (input: unknown) => readonly unknown[] | undefined {
  const reader = new SyntaxReader(source, TOKEN, "jq");
  const query = pipeline(reader);
  reader.end();
  return (input) => {
    try {
      return query(input).filter((value) => value !== null && value !== undefined);
    } catch (error) {
      if (error instanceof QueryError) return undefined;
      throw error;
    }
  };
}

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|\/\/|==|!=|<=|>=|[a-zA-Z_][\w]*|\d+(?:\.\d+)?|[.[\]()|,?<>:-])/y;

function pipeline(reader: SyntaxReader): Step {
  let step = comma(reader);
  while (reader.take("|")) {
    const first = step;
    const second = comma(reader);
    step = (input) => first(input).flatMap(second);
  }
  return step;
}

function comma(reader: SyntaxReader): Step {
  const steps = [alternative(reader)];
  while (reader.take(",")) steps.push(alternative(reader));
  return steps.length === 1 ? steps[0]! : (input) => steps.flatMap((step) => step(input));
}

/** `a // b`: the true values of a, or else b. */
function alternative(reader: SyntaxReader): Step {
  const first = disjunction(reader);
  if (!reader.take("//")) return first;
  const second = alternative(reader);
  return (input) => {
    let found: readonly unknown[] = [];
    try {
      found = first(input).filter(truthy);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
    }
    return found.length > 0 ? found : second(input);
  };
}

function disjunction(reader: SyntaxReader): Step {
  let step = conjunction(reader);
  while (reader.take("or")) {
    const left = step;
    const right = conjunction(reader);
    step = (input) => left(input).flatMap((one) => (truthy(one) ? [true] : right(input).map(truthy)));
  }
  return step;
}

function conjunction(reader: SyntaxReader): Step {
  let step = comparison(reader);
  while (reader.take("and")) {
    const left = step;
    const right = comparison(reader);
    step = (input) => left(input).flatMap((one) => (truthy(one) ? right(input).map(truthy) : [false]));
  }
  return step;
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  "==": (order) => order === 0,
  "!=": (order) => order !== 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

function comparison(reader: SyntaxReader): Step {
  const left = difference(reader);
  const operator = COMPARISONS[reader.peek() ?? ""];
  if (!operator) return left;
  reader.next();
  const right = difference(reader);
  return (input) => right(input).flatMap((second) => left(input).map((first) => operator(compare(first, second))));
}

/** `a - b`: of numbers, or the items of a that are not in b. */
function difference(reader: SyntaxReader): Step {
  let step = postfix(reader);
  while (reader.take("-")) {
    const left = step;
    const right = postfix(reader);
    step = (input) => right(input).flatMap((second) => left(input).map((first) => subtract(first, second)));
  }
  return step;
}

function subtract(first: unknown, second: unknown): unknown {
  if (typeof first === "number" && typeof second === "number") return first - second;
  if (Array.isArray(first) && Array.isArray(second)) {
    return first.filter((item) => !second.some((other) => compare(item, other) === 0));
  }
  throw new QueryError(`cannot subtract ${typeName(second)} from ${typeName(first)}`);
}

/** A term and the path steps behind it. */
function postfix(reader: SyntaxReader): Step {
  let step = term(reader);
  for (;;) {
    const before = step;
    let next: Step;
    if (reader.peek() === "[") next = bracket(reader);
    else if (reader.peek() === "." && /^["[\w]/.test(reader.peek(1) ?? "")) {
      reader.next();
      next = reader.peek() === "[" ? bracket(reader) : field(fieldName(reader));
    } else return step;
    const guarded = optional(reader, next);
    step = (input) => before(input).flatMap(guarded);
  }
}

/** With a `?` behind it, a step yields nothing where it does not apply. */
function optional(reader: SyntaxReader, step: Step): Step {
  if (!reader.take("?")) return step;
  return (input) => {
    try {
      return step(input);
    } catch (error) {
      if (error instanceof QueryError) return [];
      throw error;
    }
  };
}

function term(reader: SyntaxReader): Step {
  const token = reader.next();
  if (token === ".") {
    const following = reader.peek() ?? "";
    if (following === "[") return optional(reader, bracket(reader));
    if (/^["a-zA-Z_]/.test(following) && reader.adjacent()) return optional(reader, field(fieldName(reader)));
    return (input) => [input];
  }
  if (token === "(") {
    const inner = pipeline(reader);
    reader.expect(")");
    return inner;
  }
  if (token === "[") {
    if (reader.take("]")) return () => [[]];
    const inner = pipeline(reader);
    reader.expect("]");
    return (input) => [inner(input)];
  }
  if (token === "-") {
    const number = Number(reader.next());
    if (Number.isNaN(number)) throw reader.error("a number is expected after the minus sign");
    return () => [-number];
  }
  if (token.startsWith('"')) {
    const text = literalText(reader, token);
    return () => [text];
  }
  if (/^\d/.test(token)) return () => [Number(token)];
  return builtin(reader, token);
}

function bracket(reader: SyntaxReader): Step {
  reader.expect("[");
  if (reader.take("]")) return items;
  const key = pipeline(reader);
  reader.expect("]");
  return (input) => key(input).flatMap((one) => at(input, one));
}

const fieldName = (reader: SyntaxReader): string => {
  const token = reader.next();
  return token.startsWith('"') ? literalText(reader, token) : token;
};
const field =
  (name: string): Step =>
  (input) =>
    at(input, name);

function literalText(reader: SyntaxReader, token: string): string {
  if (token.includes("\\(")) throw reader.error("string interpolation is not supported");
  return JSON.parse(token) as string;
}

function at(input: unknown, key: unknown): readonly unknown[] {
  if (input === null || input === undefined) return [null];
  if (typeof key === "string" && typeof input === "object" && !Array.isArray(input)) {
    return [Object.hasOwn(input, key) ? (input as Record<string, unknown>)[key] : null];
  }
  if (typeof key === "number" && Array.isArray(input)) return [input.at(Math.floor(key)) ?? null];
  throw new QueryError(`cannot index ${typeName(input)} with ${JSON.stringify(key)}`);
}

function items(input: unknown): readonly unknown[] {
  if (Array.isArray(input)) return input;
  if (typeof input === "object" && input !== null) return Object.values(input);
  throw new QueryError(`cannot iterate over ${typeName(input)}`);
}

const truthy = (value: unknown): boolean => value !== null && value !== undefined && value !== false;

/** Functions without arguments. */
const PLAIN: Readonly<Record<string, (input: unknown) => readonly unknown[]>> = {
  true: () => [true],
  false: () => [false],
  null: () => [null],
  empty: () => [],
  not: (input) => [!truthy(input)],
  any: (input) => [items(input).some(truthy)],
  all: (input) => [items(input).every(truthy)],
  keys: (input) => {
    if (Array.isArray(input)) return [input.map((_, index) => index)];
    if (typeof input === "object" && input !== null) return [Object.keys(input).sort()];
    throw new QueryError(`${typeName(input)} has no keys`);
  },
  length: (input) => {
    if (input === null || input === undefined) return [0];
    if (typeof input === "string") return [[...input].length];
    if (typeof input === "number") return [Math.abs(input)];
    return [items(input).length];
  },
  tostring: (input) => [typeof input === "string" ? input : JSON.stringify(input ?? null)],
  tonumber: (input) => {
    const number = typeof input === "number" ? input : typeof input === "string" ? Number(input) : Number.NaN;
    if (Number.isNaN(number)) throw new QueryError(`${typeName(input)} cannot be parsed as a number`);
    return [number];
  },
  ascii_downcase: (input) => [textOf(input).toLowerCase()],
  ascii_upcase: (input) => [textOf(input).toUpperCase()],
};

/** Functions of one argument. */
const UNARY: Readonly<Record<string, (argument: Step) => Step>> = {
  select: (condition) => (input) => condition(input).flatMap((one) => (truthy(one) ? [input] : [])),
  map: (each) => (input) => [items(input).flatMap(each)],
  any: (condition) => (input) => [items(input).some((item) => condition(item).some(truthy))],
  all: (condition) => (input) => [items(input).every((item) => condition(item).every(truthy))],
  has: (key) => (input) => key(input).map((one) => hasKey(input, one)),
  startswith: (prefix) => (input) => prefix(input).map((one) => textOf(input).startsWith(textOf(one))),
  endswith: (suffix) => (input) => suffix(input).map((one) => textOf(input).endsWith(textOf(one))),
  test: (pattern) => (input) => pattern(input).map((one) => new RegExp(textOf(one)).test(textOf(input))),
};

function builtin(reader: SyntaxReader, name: string): Step {
  if (reader.peek() === "(") {
    const make = Object.hasOwn(UNARY, name) ? UNARY[name] : undefined;
    if (!make) throw reader.error(`the function ${name}/1 is not supported`);
    reader.next();
    const argument = pipeline(reader);
    reader.expect(")");
    return make(argument);
  }
  const found = Object.hasOwn(PLAIN, name) ? PLAIN[name] : undefined;
  if (!found) throw reader.error(`${JSON.stringify(name)} is not supported here`);
  return found;
}

function hasKey(input: unknown, key: unknown): boolean {
  if (Array.isArray(input) && typeof key === "number") return key >= 0 && key < input.length;
  if (typeof input === "object" && input !== null && typeof key === "string") return Object.hasOwn(input, key);
  throw new QueryError(`cannot check whether ${typeName(input)} has ${JSON.stringify(key)}`);
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new QueryError(`${typeName(value)} is no string`);
  return value;
}

const ORDER = ["null", "false", "true", "number", "string", "array", "object"];
const rank = (value: unknown): number => ORDER.indexOf(typeof value === "boolean" ? String(value) : typeName(value));

/** jq's order of values: by type, then by value. */
function compare(left: unknown, right: unknown): number {
  const ranks = rank(left) - rank(right);
  if (ranks !== 0) return ranks;
  if (typeof left === "number") return left - (right as number);
  if (typeof left === "string") return left < (right as string) ? -1 : left > (right as string) ? 1 : 0;
  const [a, b] = [JSON.stringify(left ?? null), JSON.stringify(right ?? null)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}
