/**
 * From text to tree, after CEL.g4 of cel-go with optional syntax (`a.?b`, `a[?i]`, `[?x]`, `{?k: v}`, `T{?f: v}`).
 * Chains of && and || become balanced trees, so that long ones don't recurse deeply.
 */
import type { Expr, MapEntry, StructField } from "./ast.ts";
import { CelError } from "./cel-error.ts";
import { type Token, tokens, unquote } from "./lexer.ts";
import { expandMacro } from "./macros.ts";
import type { Source } from "./source.ts";
import { Uint } from "./values.ts";

/** cel-go's limits: nesting, and code points of a text. */
const MAX_DEPTH = 250;
const MAX_LENGTH = 100_000;

/** Words that are no names, though fields may be called so. */
const RESERVED = new Set(
  "as break const continue else for function if import let loop package namespace return var void while".split(" "),
);
const WORD_TOKENS = new Set(["in", "true", "false", "null"]);
const EXPRESSION_START =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
const ARGUMENT_START = EXPRESSION_START.replace("'(', ", "'(', ')', ");
const INDEX_START = EXPRESSION_START.replace("'!', ", "'!', '?', ");
const EXPRESSION_SIGNS = new Set(["[", "{", "(", ".", "-", "!", ")", "]", "}"]);
const startsExpression = ({ kind, text }: Token): boolean =>
  kind === "operator" ? ["[", "{", "(", "."].includes(text) : kind !== "end" && kind !== "escaped" && text !== "in";
const RELATIONS = new Set(["<", "<=", ">=", ">", "==", "!=", "in"]);

/** Throws CelError ("compile") listing what is wrong. */
export function parseCel(source: Source): Expr {
  if (source.text.length > MAX_LENGTH) {
    throw new CelError(
      "compile",
      `ERROR: <input>:-1:0: expression code point size exceeds limit: size: ${source.text.length}, limit ${MAX_LENGTH}`,
    );
  }
  const parser = new Parser(source);
  const expr = parser.whole();
  source.raise();
  return expr!;
}

class Stop extends Error {}

class Parser {
  readonly #source: Source;
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;
  /** Of the nodes that have others below them, how many levels. */
  readonly #heights = new WeakMap<Expr, number>();

  constructor(source: Source) {
    this.#source = source;
    this.#tokens = tokens(source);
  }

  whole(): Expr | undefined {
    try {
      const expr = this.#expr();
      if (this.#token.kind !== "end") {
        const last = this.#tokens[this.#position + 1]?.kind === "end";
        this.#mismatch("<EOF>", last ? "extraneous" : "mismatched");
      }
      return expr;
    } catch (error) {
      if (error instanceof Stop) return undefined;
      throw error;
    }
  }

  get #token(): Token {
    return this.#tokens[this.#position]!;
  }

  #is(text: string): boolean {
    const token = this.#token;
    return token.text === text && (token.kind === "operator" || token.kind === "identifier");
  }

  #take(text: string): Token | undefined {
    if (!this.#is(text)) return undefined;
    this.#position += 1;
    return this.#tokens[this.#position - 1];
  }

  #expect(text: string, expected?: string): Token {
    const token = this.#take(text);
    if (token) return token;
    if (expected !== undefined || this.#token.kind !== "end") this.#mismatch(expected ?? `'${text}'`);
    this.#source.report(this.#token.offset, `Syntax error: missing '${text}' at '<EOF>'`);
    throw new Stop();
  }

  /** A token that is too much before an expression is told of, and passed over. */
  #skipExtraneous(expected: string): void {
    const { kind, text, offset } = this.#token;
    const next = this.#tokens[this.#position + 1];
    if (kind !== "operator" || EXPRESSION_SIGNS.has(text) || !next || !startsExpression(next)) return;
    this.#source.report(offset, `Syntax error: extraneous input '${text}' expecting ${expected}`);
    this.#position += 1;
  }

  #mismatch(expected: string, how: "mismatched" | "extraneous" = "mismatched"): never {
    const { text, offset } = this.#token;
    // A text can have issues of the lexer alone at the place; one is enough.
    this.#source.report(offset, `Syntax error: ${how} input '${text}' expecting ${expected}`);
    throw new Stop();
  }

  /** A node above others; the tree may be no deeper than what can be gone through by recursion. */
  #above(expr: Expr, children: readonly Expr[]): Expr {
    let depth = 0;
    for (const child of children) depth = Math.max(depth, this.#heights.get(child) ?? 0);
    if (depth >= MAX_DEPTH) throw new CelError("compile", "ERROR: <input>:-1:0: max recursion depth exceeded");
    this.#heights.set(expr, depth + 1);
    return expr;
  }

  #operation(offset: number, name: string, args: readonly Expr[]): Expr {
    return this.#above({ kind: "call", offset, name, target: undefined, args }, args);
  }

  #expr(): Expr {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw new CelError("compile", `ERROR: <input>:-1:0: expression recursion limit exceeded: ${MAX_DEPTH}`);
    }
    const condition = this.#chain("||", "_||_", () => this.#chain("&&", "_&&_", () => this.#relation()));
    const question = this.#take("?");
    let expr = condition;
    if (question) {
      const then = this.#chain("||", "_||_", () => this.#chain("&&", "_&&_", () => this.#relation()));
      this.#expect(":", "':'");
      expr = this.#operation(question.offset, "_?_:_", [condition, then, this.#expr()]);
    }
    this.#depth -= 1;
    return expr;
  }

  #chain(operator: string, name: string, term: () => Expr): Expr {
    const terms = [term()];
    const offsets: number[] = [];
    for (let token = this.#take(operator); token; token = this.#take(operator)) {
      offsets.push(token.offset);
      terms.push(term());
    }
    const balance = (from: number, to: number): Expr => {
      const middle = Math.floor((from + to + 1) / 2);
      const left = middle === from ? terms[middle]! : balance(from, middle - 1);
      const right = middle === to ? terms[middle + 1]! : balance(middle + 1, to);
      return this.#operation(offsets[middle]!, name, [left, right]);
    };
    return offsets.length === 0 ? terms[0]! : balance(0, offsets.length - 1);
  }

  #relation(): Expr {
    let left = this.#sum();
    while (RELATIONS.has(this.#token.text) && this.#is(this.#token.text)) {
      const { text, offset } = this.#take(this.#token.text)!;
      left = this.#operation(offset, text === "in" ? "@in" : `_${text}_`, [left, this.#sum()]);
    }
    return left;
  }

  #sum(): Expr {
    let left = this.#product();
    for (let token = this.#take("+") ?? this.#take("-"); token; token = this.#take("+") ?? this.#take("-")) {
      left = this.#operation(token.offset, `_${token.text}_`, [left, this.#product()]);
    }
    return left;
  }

  #product(): Expr {
    let left = this.#unary();
    const next = (): Token | undefined => this.#take("*") ?? this.#take("/") ?? this.#take("%");
    for (let token = next(); token; token = next()) {
      left = this.#operation(token.offset, `_${token.text}_`, [left, this.#unary()]);
    }
    return left;
  }

  /** Pairs of the same operator cancel; a single minus before a number is part of it. */
  #unary(): Expr {
    for (const [operator, name] of [
      ["!", "!_"],
      ["-", "-_"],
    ] as const) {
      const first = this.#token;
      if (operator === "-" && this.#is("-") && this.#numberFollows()) break;
      let count = 0;
      while (this.#take(operator)) count += 1;
      if (count === 0) continue;
      if (operator === "!" && this.#token.kind === "end") this.#mismatch(EXPRESSION_START, "extraneous");
      const operand = this.#member();
      return count % 2 === 0 ? operand : this.#operation(first.offset, name, [operand]);
    }
    return this.#member();
  }

  #numberFollows(): boolean {
    const kind = this.#tokens[this.#position + 1]?.kind;
    return kind === "int" || kind === "double";
  }

  #member(): Expr {
    let expr = this.#primary();
    while (true) {
      const dot = this.#take(".");
      if (dot) {
        const optional = this.#take("?");
        const token = this.#name(true, !optional);
        if (!optional && token.kind === "identifier" && this.#is("(")) {
          expr = this.#call(token, expr);
        } else if (optional) {
          const field: Expr = { kind: "literal", offset: token.offset, value: fieldName(token) };
          expr = this.#operation(dot.offset, "_?._", [expr, field]);
        } else {
          const operand = expr;
          const field = fieldName(token);
          expr = this.#above({ kind: "select", offset: dot.offset, operand, field, testOnly: false }, [operand]);
        }
        continue;
      }
      const bracket = this.#take("[");
      if (!bracket) return expr;
      const optional = this.#take("?");
      if (!optional && (this.#token.kind === "end" || this.#is("]"))) this.#mismatch(INDEX_START);
      const index = this.#expr();
      this.#expect("]");
      expr = this.#operation(bracket.offset, optional ? "_[?_]" : "_[_]", [expr, index]);
    }
  }

  #name(escaped = false, afterDot = false): Token {
    const token = this.#token;
    const fits = token.kind === "identifier" ? !WORD_TOKENS.has(token.text) : escaped && token.kind === "escaped";
    if (!fits && afterDot) {
      const text = token.kind === "end" ? "" : token.text;
      this.#source.report(token.offset, `Syntax error: no viable alternative at input '.${text}'`);
      throw new Stop();
    }
    if (!fits) this.#mismatch(escaped ? "{IDENTIFIER, ESC_IDENTIFIER}" : "IDENTIFIER");
    // The names in backquotes of newer CEL are off in Kubernetes.
    if (token.kind === "escaped") this.#source.report(token.offset, "unsupported syntax: '`'");
    this.#position += 1;
    return token;
  }

  #call(name: Token, target: Expr | undefined): Expr {
    const { offset } = this.#expect("(");
    const args: Expr[] = [];
    if (this.#token.kind === "end") this.#mismatch(ARGUMENT_START);
    this.#skipExtraneous(ARGUMENT_START);
    if (!this.#is(")")) {
      do args.push(this.#expr());
      while (this.#take(","));
    }
    this.#expect(")");
    const expanded = expandMacro(name.text, target, args, offset, (at, message) => this.#source.report(at, message));
    const made: Expr = expanded ?? { kind: "call", offset, name: name.text, target, args };
    return this.#above(made, target ? [target, ...args] : args);
  }

  #primary(): Expr {
    this.#skipExtraneous(EXPRESSION_START);
    const token = this.#token;
    switch (token.kind) {
      case "int":
      case "double":
        return this.#number("");
      case "uint":
        this.#position += 1;
        return this.#integer(token, token.text.slice(0, -1), true);
      case "string":
      case "bytes":
        this.#position += 1;
        return { kind: "literal", offset: token.offset, value: unquote(token) };
      case "identifier":
        return this.#word();
      case "operator":
        return this.#bracketed();
      default:
        return this.#mismatch(EXPRESSION_START);
    }
  }

  #bracketed(): Expr {
    const token = this.#token;
    switch (token.text) {
      case "-":
        if (!this.#numberFollows()) break;
        this.#position += 1;
        return this.#number("-", token.offset);
      case "(": {
        this.#position += 1;
        const expr = this.#expr();
        this.#expect(")");
        return expr;
      }
      case "[":
        return this.#list();
      case "{":
        return this.#map();
      case ".":
        return this.#word();
    }
    return this.#mismatch(EXPRESSION_START);
  }

  #number(sign: "" | "-", offset = this.#token.offset): Expr {
    const token = this.#token;
    this.#position += 1;
    if (token.kind === "int") return this.#integer({ ...token, offset }, sign + token.text, false);
    return { kind: "literal", offset, value: Number(sign + token.text) };
  }

  #integer(token: Token, text: string, unsigned: boolean): Expr {
    const negative = text.startsWith("-");
    const size = BigInt(negative ? text.slice(1) : text);
    const value = negative ? -size : size;
    const fits = unsigned ? value < 1n << 64n : BigInt.asIntN(64, value) === value;
    if (!fits) this.#source.report(token.offset, `invalid ${unsigned ? "uint" : "int"} literal`);
    return { kind: "literal", offset: token.offset, value: unsigned ? new Uint(value) : value };
  }

  /** A name, a call, a struct literal or a word literal. */
  #word(): Expr {
    const dot = this.#take(".");
    const token = this.#token;
    const { offset } = dot ?? token;
    if (!dot && WORD_TOKENS.has(token.text)) {
      if (token.text === "in") this.#mismatch(EXPRESSION_START);
      this.#position += 1;
      return { kind: "literal", offset, value: token.text === "null" ? null : token.text === "true" };
    }
    const struct = this.#structName();
    if (struct !== undefined) return this.#struct((dot ? "." : "") + struct);
    const name = this.#name();
    if (RESERVED.has(name.text)) {
      this.#source.report(name.offset, `reserved identifier: ${name.text}`);
      throw new Stop();
    }
    if (this.#is("(")) return this.#call({ ...name, text: (dot ? "." : "") + name.text }, undefined);
    return { kind: "ident", offset: name.offset, name: (dot ? "." : "") + name.text };
  }

  /** `a.b.C` where a brace follows; takes it. */
  #structName(): string | undefined {
    const parts: string[] = [];
    let position = this.#position;
    while (this.#tokens[position]?.kind === "identifier") {
      parts.push(this.#tokens[position]!.text);
      const next = this.#tokens[position + 1]!;
      if (next.kind === "operator" && next.text === "{") {
        this.#position = position + 1;
        return parts.join(".");
      }
      if (next.kind !== "operator" || next.text !== ".") return undefined;
      position += 2;
    }
    return undefined;
  }

  #struct(name: string): Expr {
    const { offset } = this.#expect("{");
    const fields: StructField[] = [];
    while (!this.#is("}")) {
      const optional = this.#take("?") !== undefined;
      const field = this.#name(true);
      const colon = this.#expect(":", "':'");
      fields.push({ offset: colon.offset, name: fieldName(field), value: this.#expr(), optional });
      if (!this.#take(",")) break;
    }
    this.#expect("}");
    const values = fields.map(({ value }) => value);
    return this.#above({ kind: "struct", offset, name, fields }, values);
  }

  #list(): Expr {
    const { offset } = this.#expect("[");
    const items: Expr[] = [];
    const optional = new Set<number>();
    while (!this.#is("]") && !(items.length === 0 && this.#is(","))) {
      if (this.#take("?")) optional.add(items.length);
      items.push(this.#expr());
      if (!this.#take(",")) break;
    }
    if (items.length === 0) this.#take(",");
    this.#expect("]", "{']', ','}");
    return this.#above({ kind: "list", offset, items, optional }, items);
  }

  #map(): Expr {
    const { offset } = this.#expect("{");
    const entries: MapEntry[] = [];
    while (!this.#is("}") && !(entries.length === 0 && this.#is(","))) {
      const optional = this.#take("?") !== undefined;
      const key = this.#expr();
      const colon = this.#expect(":", "':'");
      entries.push({ offset: colon.offset, key, value: this.#expr(), optional });
      if (!this.#take(",")) break;
    }
    if (entries.length === 0) this.#take(",");
    this.#expect("}", "{'}', ','}");
    const below = entries.flatMap(({ key, value }) => [key, value]);
    return this.#above({ kind: "map", offset, entries }, below);
  }
}

const fieldName = (token: Token): string => (token.kind === "escaped" ? token.text.slice(1, -1) : token.text);
