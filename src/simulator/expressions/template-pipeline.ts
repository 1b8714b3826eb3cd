import { SyntaxReader } from "./syntax-reader.ts";
import { builtinFunctions } from "./template-functions.ts";
import { type TemplateFunction, type TemplateFunctions, truth } from "./template-values.ts";

/** What an action sees: the dot, `$`, and the variables of its block and of those around it. */
export interface Scope {
  readonly dot: unknown;
  readonly root: unknown;
  readonly variables: Map<string, unknown>;
  readonly functions: TemplateFunctions;
  readonly parent: Scope | undefined;
}

/** A pipeline, perhaps with variables to the left of it. */
export interface Expression {
  /** The names declared by `:=`, or assigned by `=`. */
  readonly declares: readonly string[];
  /** The value, without storing it. */
  value(scope: Scope): unknown;
  /** The value, stored in the variable where there is one. */
  evaluate(scope: Scope): unknown;
}

type Operand = (scope: Scope) => unknown;

const TOKEN =
  /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)'|:=|[-+]?\d+(?:\.\d+)?|\$[\w]*|(?:\.[a-zA-Z_]\w*)+|[a-zA-Z_]\w*|[.|(),=])/y;

/** Throws a SyntaxError for what is malformed, and for functions that there are not. */
export function parsePipeline(text: string, functions: TemplateFunctions, line: number): Expression {
  const reader = new SyntaxReader(text, TOKEN, `template, line ${line}`);
  const declares = declarations(reader);
  const assigns = declares.length > 0 && !reader.take(":=");
  if (assigns) reader.expect("=");
  const value = pipeline(reader, functions);
  reader.end();
  return {
    declares,
    value,
    evaluate(scope) {
      const result = value(scope);
      if (declares.length === 1) store(scope, declares[0]!, result, assigns);
      return result;
    },
  };
}

function declarations(reader: SyntaxReader): string[] {
  const isVariable = (token: string | undefined) => /^\$\w/.test(token ?? "");
  if (!isVariable(reader.peek())) return [];
  const pair = reader.peek(1) === "," && isVariable(reader.peek(2));
  const operator = reader.peek(pair ? 3 : 1);
  if (operator !== ":=" && operator !== "=") return [];
  const first = reader.next();
  if (!pair) return [first];
  reader.next();
  return [first, reader.next()];
}

function store(scope: Scope, name: string, value: unknown, assigns: boolean): void {
  if (!assigns) {
    scope.variables.set(name, value);
    return;
  }
  let owner: Scope | undefined = scope;
  while (owner && !owner.variables.has(name)) owner = owner.parent;
  if (!owner) throw new Error(`template: undefined variable ${name}`);
  owner.variables.set(name, value);
}

function variable(scope: Scope, name: string): unknown {
  if (name === "$") return scope.root;
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    if (at.variables.has(name)) return at.variables.get(name);
  }
  throw new Error(`template: undefined variable ${name}`);
}

/** Commands joined by `|`: the value of one is the last argument of the next. */
function pipeline(reader: SyntaxReader, functions: TemplateFunctions): Operand {
  let value = command(reader, functions, undefined);
  while (reader.take("|")) value = command(reader, functions, value);
  return value;
}

const ENDS = new Set<string | undefined>(["|", ")", undefined]);

function command(reader: SyntaxReader, functions: TemplateFunctions, piped: Operand | undefined): Operand {
  const name = reader.peek();
  if (name !== undefined && /^[a-zA-Z_]/.test(name) && !LITERALS.has(name)) {
    reader.next();
    const lazy = LAZY[name];
    const given = Object.hasOwn(functions, name) ? functions[name] : builtinFunctions[name];
    if (!given && !lazy) throw reader.error(`function ${JSON.stringify(name)} is not defined`);
    const operands: Operand[] = [];
    while (!ENDS.has(reader.peek())) operands.push(operand(reader, functions));
    if (piped) operands.push(piped);
    if (lazy) return lazy(operands);
    return (scope) => {
      const call: TemplateFunction = Object.hasOwn(scope.functions, name) ? scope.functions[name]! : given!;
      return call(...operands.map((one) => one(scope)));
    };
  }
  if (piped) throw reader.error("only a function can take what is piped");
  const value = operand(reader, functions);
  if (!ENDS.has(reader.peek())) throw reader.error("a value takes no arguments");
  return value;
}

/** `and` and `or` look at no more arguments than they must. */
const LAZY: Readonly<Record<string, (operands: readonly Operand[]) => Operand>> = {
  and: (operands) => (scope) => {
    let last: unknown;
    for (const one of operands) {
      last = one(scope);
      if (!truth(last)) break;
    }
    return last;
  },
  or: (operands) => (scope) => {
    let last: unknown;
    for (const one of operands) {
      last = one(scope);
      if (truth(last)) break;
    }
    return last;
  },
};

const LITERALS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["nil", null],
]);

function operand(reader: SyntaxReader, functions: TemplateFunctions): Operand {
  const token = reader.next();
  let value: Operand;
  if (token === "(") {
    value = pipeline(reader, functions);
    reader.expect(")");
  } else if (token === ".") value = (scope) => scope.dot;
  else if (token.startsWith(".")) {
    const path = token.slice(1).split(".");
    value = (scope) => walk(scope.dot, path);
  } else if (token.startsWith("$")) value = (scope) => variable(scope, token);
  else if (token.startsWith('"')) {
    const text = JSON.parse(token) as string;
    value = () => text;
  } else if (token.startsWith("`")) value = () => token.slice(1, -1);
  else if (/^[-+\d]/.test(token)) value = () => Number(token);
  else if (LITERALS.has(token)) value = () => LITERALS.get(token);
  else if (/^[a-zA-Z_]/.test(token)) {
    // A function without arguments may stand among the arguments of another.
    const given = Object.hasOwn(functions, token) ? functions[token] : builtinFunctions[token];
    if (!given) throw reader.error(`function ${JSON.stringify(token)} is not defined`);
    value = (scope) => (Object.hasOwn(scope.functions, token) ? scope.functions[token]! : given)();
  } else throw reader.error(`unexpected ${JSON.stringify(token)}`);
  while (/^\.[a-zA-Z_]/.test(reader.peek() ?? "") && reader.adjacent()) {
    const path = reader.next().slice(1).split(".");
    const before = value;
    value = (scope) => walk(before(scope), path);
  }
  return value;
}

function walk(start: unknown, path: readonly string[]): unknown {
  let value = start;
  for (const name of path) {
    if (value === null || value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) {
      throw new Error(`template: can't evaluate field ${name} in ${JSON.stringify(value)}`);
    }
    value = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}
