import { checkLabelValue, checkQualifiedName } from "./names.ts";
import type { LabelSelector } from "./types/meta.v1.ts";

/** What one label must fulfil. `values` is sorted and free of duplicates. */
export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}
/** As they are written; "exists" and "!" stand for the two forms without a value. */
export type Operator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | ">" | "<";

/** A parsed label selector: the requirements, all of which must hold, sorted by key. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  /** Whether it matches everything. */
  readonly empty: boolean;
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
  /** The canonical text, as it goes into a query parameter. */
  toString(): string;
}

/** The text is not a label selector; the message is upstream's. */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SelectorError";
  }
}

/** Parses `a=b,c!=d,e in (x,y),f notin (z),g,!h,n>1,m<5`. Throws SelectorError. */
export function parseLabelSelector(text: string): Selector {
  const parser = new Parser(text);
  return fromRequirements(parser.parse());
}

/** The selector of an API object. Absent selects nothing, an empty one everything. Throws SelectorError. */
export function selectorOf(selector: LabelSelector | undefined | null): Selector {
  if (!selector) return nothing;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, "=", [value]));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const parsed = OBJECT_OPERATORS[operator];
    if (!parsed) throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(requirement(key, parsed, values ?? []));
  }
  return fromRequirements(requirements);
}

/** The selector of a plain map (a Service's, a ReplicationController's): all pairs must be there. Values are not checked. */
export function selectorOfMap(labels: Readonly<Record<string, string>> | undefined | null): Selector {
  return fromRequirements(
    Object.entries(labels ?? {}).map(([key, value]): Requirement => ({ key, operator: "=", values: [value] })),
  );
}

/** How `kubectl` shows a selector: its text, or `<none>`. */
export function formatSelector(selector: LabelSelector | undefined | null): string {
  const text = selectorOf(selector).toString();
  return text === "" ? "<none>" : text;
}

/** Matches no labels at all. */
export const nothing: Selector = { requirements: [], empty: false, matches: () => false, toString: () => "" };

/** Matches everything. */
export const everything: Selector = { requirements: [], empty: true, matches: () => true, toString: () => "" };

const OBJECT_OPERATORS: Record<string, Operator> = { In: "in", NotIn: "notin", Exists: "exists", DoesNotExist: "!" };

function fromRequirements(requirements: Requirement[]): Selector {
  if (requirements.length === 0) return everything;
  requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements,
    empty: false,
    matches: (labels) => requirements.every((one) => holds(one, labels)),
    toString: () => requirements.map(write).join(","),
  };
}

function holds({ key, operator, values }: Requirement, labels: Readonly<Record<string, string>> | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    default: {
      const actual = parseInt64(value);
      const wanted = parseInt64(values[0]);
      if (actual === undefined || wanted === undefined) return false;
      return operator === ">" ? actual > wanted : actual < wanted;
    }
  }
}

function write({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.join(",")})`;
    default:
      return `${key}${operator}${values[0] ?? ""}`;
  }
}

/** An integer of 64 bits, as Go's ParseInt reads it. */
export function parseInt64(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function requirement(key: string, operator: Operator, given: readonly string[]): Requirement {
  const errors: string[] = [];
  const keyErrors = checkQualifiedName(key);
  if (keyErrors.length) errors.push(`key: Invalid value: ${JSON.stringify(key)}: ${keyErrors.join("; ")}`);
  const values = [...new Set(given)].sort();
  const list = () => `[]string{${values.map((value) => JSON.stringify(value)).join(", ")}}`;
  if (operator === "in" || operator === "notin") {
    if (values.length === 0) {
      errors.push(`values: Invalid value: ${list()}: for 'in', 'notin' operators, values set can't be empty`);
    }
  } else if (operator === "exists" || operator === "!") {
    if (values.length > 0) {
      errors.push(`values: Invalid value: ${list()}: values set must be empty for exists and does not exist`);
    }
  } else if (operator === ">" || operator === "<") {
    values.forEach((value, index) => {
      if (parseInt64(value) !== undefined) return;
      errors.push(
        `values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    });
  }
  values.forEach((value, index) => {
    const problems = checkLabelValue(value);
    if (problems.length) {
      errors.push(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problems.join("; ")}`);
    }
  });
  if (errors.length) throw new SelectorError(errors.length === 1 ? errors[0]! : `[${errors.join(", ")}]`);
  return { key, operator, values };
}

const SYMBOLS = new Set([")", ",", "!", "==", "=", "!=", "(", ">", "<"]);
const BINARY = ["in", "notin", "=", "==", "!=", "gt", "lt"];

/** Recursive descent over the tokens; an identifier becomes an operator only where one is expected. */
class Parser {
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    for (const [token] of text.matchAll(/[^\s=!(),<>]+|[=!(),<>]+/g)) {
      if (!/^[=!(),<>]/.test(token)) {
        this.#tokens.push(token);
        continue;
      }
      // A run of symbols is read greedily: "=!" is two tokens, "!=" is one.
      for (let start = 0; start < token.length; ) {
        const length = SYMBOLS.has(token.slice(start, start + 2)) ? 2 : 1;
        this.#tokens.push(token.slice(start, start + length));
        start += length;
      }
    }
  }

  parse(): Requirement[] {
    const found: Requirement[] = [];
    if (this.#peek() === "") return found;
    for (;;) {
      const first = this.#peek();
      if (!isIdentifier(first) && first !== "!") {
        throw new SelectorError(`found '${first}', expected: !, identifier, or 'end of string'`);
      }
      found.push(this.#requirement());
      const separator = this.#next();
      if (separator === "") return found;
      if (separator !== ",") throw new SelectorError(`found '${separator}', expected: ',' or 'end of string'`);
      const following = this.#peek();
      if (!isIdentifier(following) && following !== "!") {
        throw new SelectorError(`found '${following}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): Requirement {
    try {
      const negated = this.#peek() === "!";
      if (negated) this.#next();
      const key = this.#next();
      if (!isIdentifier(key)) throw expected(key, "identifier");
      const problems = checkQualifiedName(key);
      if (problems.length) {
        throw new SelectorError(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problems.join("; ")}`);
      }
      if (negated) return requirement(key, "!", []);
      if (this.#peek() === "" || this.#peek() === ",") return requirement(key, "exists", []);
      const operator = this.#next();
      if (operator === "in" || operator === "notin") return { ...this.#set(key), operator };
      if (!["=", "==", "!=", ">", "<"].includes(operator)) throw expected(operator, BINARY.join(", "));
      return requirement(key, operator as Operator, [this.#exactValue()]);
    } catch (error) {
      if (error instanceof SelectorError) {
        throw new SelectorError(`unable to parse requirement: ${error.message}`);
      }
      throw error;
    }
  }

  #exactValue(): string {
    if (this.#peek() === "" || this.#peek() === ",") return "";
    const value = this.#next();
    if (!isIdentifier(value)) throw expected(value, "identifier");
    return value;
  }

  /** `(a, b)`; an empty place is an empty value, and `()` holds one. */
  #set(key: string): Requirement {
    const open = this.#next();
    if (open !== "(") throw new SelectorError(`found '${open}' expected: '('`);
    const values: string[] = [];
    const first = this.#peek();
    if (first === ")") values.push("");
    else if (!isIdentifier(first) && first !== ",") throw expected(first, "',', ')' or identifier");
    while (this.#peek() !== ")") {
      const token = this.#next();
      if (isIdentifier(token)) {
        values.push(token);
        const after = this.#peek();
        if (after !== "," && after !== ")") throw expected(after, "',' or ')'");
      } else if (token === ",") {
        if (values.length === 0) values.push("");
        const after = this.#peek();
        if (after === ")" || after === ",") values.push("");
        if (after === ",") this.#next();
        if (after !== ")" && after !== "," && !isIdentifier(after)) throw expected(after, "',', or identifier");
      } else {
        throw expected(token, "',', or identifier");
      }
    }
    this.#next();
    return requirement(key, "in", values);
  }

  /** The next token, or "" at the end. */
  #peek(): string {
    return this.#tokens[this.#at] ?? "";
  }
  #next(): string {
    return this.#tokens[this.#at++] ?? "";
  }
}

const isIdentifier = (token: string) => token !== "" && !SYMBOLS.has(token);
const expected = (found: string, what: string) => new SelectorError(`found '${found}', expected: ${what}`);
