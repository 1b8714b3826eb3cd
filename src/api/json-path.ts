/**
 * The JSONPath of Kubernetes (https://kubernetes.io/docs/reference/kubectl/jsonpath/) as far as one expression goes:
 * `.spec.ports[0].port`, `.a['b.c']`, `.items[*].name`, `.items[-1:]`, `..name`, `.conditions[?(@.type=="Ready")].status`.
 * What is missing on the way gives nothing.
 */

/** A text that is no path; the message is close to upstream's. */
export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "JsonPathError";
  }
}

export type JsonPath = (value: unknown) => unknown[];

type Step = (value: unknown) => unknown[];

/** Throws JsonPathError. */
export function parseJsonPath(text: string): JsonPath {
  const steps = new Parser(text).parse();
  return (value) => run(steps, value);
}

function run(steps: readonly Step[], value: unknown): unknown[] {
  let values = [value];
  for (const step of steps) values = values.flatMap(step);
  return values;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const field =
  (name: string): Step =>
  (value) =>
    isObject(value) && Object.hasOwn(value, name) ? [value[name]] : [];

const all: Step = (value) => {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
};

const recursive =
  (name: string): Step =>
  (value) => {
    const found = name === "*" ? all(value) : field(name)(value);
    return [...found, ...all(value).flatMap(recursive(name))];
  };

/** Python's slices: negative numbers count from the end. */
function slice(from: number | undefined, to: number | undefined, step: number): Step {
  return (value) => {
    if (!Array.isArray(value)) return [];
    const place = (index: number) => (index < 0 ? index + value.length : index);
    const end = Math.min(to === undefined ? value.length : place(to), value.length);
    const found: unknown[] = [];
    for (let at = Math.max(from === undefined ? 0 : place(from), 0); at < end; at += step) found.push(value[at]);
    return found;
  };
}

const OPERATORS = ["==", "!=", "<=", ">=", "<", ">"] as const;
type Operator = (typeof OPERATORS)[number];

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Step[] {
    if (this.#text[0] === "$" || this.#text[0] === "@") this.#at++;
    const steps: Step[] = [];
    while (this.#at < this.#text.length) steps.push(this.#step());
    return steps;
  }

  #step(): Step {
    const character = this.#text[this.#at];
    if (character === "[") return this.#bracket();
    if (character !== ".") throw new JsonPathError(`unexpected ${character} in ${this.#text}`);
    this.#at++;
    if (this.#text[this.#at] === ".") {
      this.#at++;
      return recursive(this.#name());
    }
    if (this.#text[this.#at] === "[") return this.#bracket();
    const name = this.#name();
    return name === "*" ? all : field(name);
  }

  #name(): string {
    let name = "";
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]!;
      if (".[],".includes(character) || /\s/.test(character)) break;
      if (character === "\\") name += this.#text[++this.#at] ?? "";
      else name += character;
    }
    if (name === "") throw new JsonPathError(`a name is missing in ${this.#text}`);
    return name;
  }

  #bracket(): Step {
    const end = this.#closing();
    const inner = this.#text.slice(this.#at + 1, end).trim();
    this.#at = end + 1;
    if (inner === "*") return all;
    if (inner.startsWith("?(") && inner.endsWith(")")) return filter(inner.slice(2, -1));
    const parts = splitOutside(inner, ",");
    const choices = parts.map((part) => this.#subscript(part.trim()));
    return choices.length === 1 ? choices[0]! : (value) => choices.flatMap((choice) => choice(value));
  }

  #subscript(text: string): Step {
    const quoted = /^(['"])(.*)\1$/s.exec(text);
    if (quoted) return field(quoted[2]!.replace(/\\(.)/g, "$1"));
    const range = /^(-?\d+)?(?:(:)(-?\d+)?(?::(\d+))?)?$/.exec(text);
    if (!range || text === "") throw new JsonPathError(`invalid array index ${text}`);
    const number = (part: string | undefined) => (part === undefined ? undefined : Number(part));
    const [from, to, step] = [number(range[1]), number(range[3]), number(range[4]) ?? 1];
    if (step < 1) throw new JsonPathError(`step must be > 0`);
    if (range[2] !== undefined) return slice(from, to, step);
    return (value) => {
      if (!Array.isArray(value)) return [];
      const index = from! < 0 ? from! + value.length : from!;
      return index >= 0 && index < value.length ? [value[index]] : [];
    };
  }

  /** Where the bracket that opens here closes. */
  #closing(): number {
    let depth = 0;
    let quote = "";
    for (let at = this.#at; at < this.#text.length; at++) {
      const character = this.#text[at]!;
      if (quote) {
        if (character === "\\") at++;
        else if (character === quote) quote = "";
      } else if (character === "'" || character === '"') quote = character;
      else if (character === "[") depth++;
      else if (character === "]" && --depth === 0) return at;
    }
    throw new JsonPathError(`unterminated array in ${this.#text}`);
  }
}

function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote) {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if (character === "'" || character === '"') quote = character;
    else if (character === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

/** `@.type=="Ready"`, `@.count > 3`, or `@.name`: the items of a list for which it holds. */
function filter(text: string): Step {
  const at = operatorIn(text);
  const left = operand(at ? text.slice(0, at.index) : text);
  if (!at) return (value) => (Array.isArray(value) ? value.filter((item) => left(item).length > 0) : []);
  const right = operand(text.slice(at.index + at.operator.length));
  return (value) => {
    if (!Array.isArray(value)) return [];
    return value.filter((item) => {
      const [a, b] = [left(item), right(item)];
      return a.length > 0 && b.length > 0 && holds(a[0], b[0], at.operator);
    });
  };
}

function operatorIn(text: string): { operator: Operator; index: number } | undefined {
  let quote = "";
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (quote) {
      if (character === quote) quote = "";
    } else if (character === "'" || character === '"') quote = character;
    else {
      const operator = OPERATORS.find((one) => text.startsWith(one, index));
      if (operator) return { operator, index };
    }
  }
  return undefined;
}

function operand(text: string): JsonPath {
  const trimmed = text.trim();
  if (trimmed.startsWith("@") || trimmed.startsWith("$")) return parseJsonPath(trimmed);
  const quoted = /^(['"])(.*)\1$/s.exec(trimmed);
  if (quoted) return () => [quoted[2]];
  if (trimmed === "true" || trimmed === "false") return () => [trimmed === "true"];
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return () => [Number(trimmed)];
  throw new JsonPathError(`unrecognized identifier ${trimmed}`);
}

function holds(a: unknown, b: unknown, operator: Operator): boolean {
  if (operator === "==") return a === b;
  if (operator === "!=") return a !== b;
  const comparable =
    (typeof a === "number" && typeof b === "number") || (typeof a === "string" && typeof b === "string");
  if (!comparable) return false;
  switch (operator) {
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    default:
      return a >= b;
  }
}
