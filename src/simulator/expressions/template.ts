import { type Expression, parsePipeline, type Scope } from "./template-pipeline.ts";
import { printed, type TemplateFunctions, truth } from "./template-values.ts";

/** Renders with `data` as the dot; `functions` replace those of the same name that were given at compile time. */
export type Template = (data: unknown, functions?: TemplateFunctions) => string;

type Node = (scope: Scope, out: string[]) => void;

/** Loops stop by these, thrown through the nodes. */
const BREAK = Symbol("break");
const CONTINUE = Symbol("continue");

/**
 * A template in Go's text/template language (https://pkg.go.dev/text/template): text, `{{ }}` actions with trimming,
 * variables, pipelines, `if`, `else if`, `range` with its variables, `with`, `break`, `continue`, comments. `define`,
 * `template` and `block` are refused. Data is JSON; a field that is absent is nil. Throws a SyntaxError for a template
 * that is malformed or calls a function that is not in `functions`.
 */
export function compileTemplate(source: string, functions: TemplateFunctions): Template {
  const parser = new Parser(split(source), functions);
  const root = parser.block([]);
  return (data, overrides) => {
    const out: string[] = [];
    root.body({ dot: data, root: data, variables: new Map(), functions: overrides ?? {}, parent: undefined }, out);
    return out.join("");
  };
}

interface Piece {
  readonly kind: "text" | "action";
  readonly text: string;
  readonly line: number;
}

/** Cuts a source into texts and actions, with the white space trimmed where `{{-` and `-}}` ask for it. */
function split(source: string): Piece[] {
  const pieces: Piece[] = [];
  const lineAt = (offset: number) => source.slice(0, offset).split("\n").length;
  let offset = 0;
  let trimNext = false;
  while (offset <= source.length) {
    const open = source.indexOf("{{", offset);
    let text = source.slice(offset, open < 0 ? undefined : open);
    if (trimNext) text = text.trimStart();
    if (open < 0) {
      pieces.push({ kind: "text", text, line: lineAt(offset) });
      break;
    }
    const trimBefore = /^\{\{-\s/.test(source.slice(open, open + 4));
    pieces.push({ kind: "text", text: trimBefore ? text.trimEnd() : text, line: lineAt(offset) });
    const close = endOfAction(source, open + 2);
    if (close < 0) throw new SyntaxError(`template: unclosed action in line ${lineAt(open)}`);
    let action = source.slice(open + (trimBefore ? 3 : 2), close);
    trimNext = /\s-$/.test(action);
    if (trimNext) action = action.slice(0, -1);
    pieces.push({ kind: "action", text: action.trim(), line: lineAt(open) });
    offset = close + 2;
  }
  return pieces;
}

/** Where the action that begins at `from` closes; braces in strings and comments do not count. */
function endOfAction(source: string, from: number): number {
  const token = /\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|\}\}|[\s\S]/g;
  token.lastIndex = from;
  for (let match = token.exec(source); match; match = token.exec(source)) if (match[0] === "}}") return match.index;
  return -1;
}

const KEYWORD = /^(if|range|with|else|end|break|continue|define|template|block)\b\s*/;

class Parser {
  readonly #pieces: readonly Piece[];
  readonly #functions: TemplateFunctions;
  #position = 0;

  constructor(pieces: readonly Piece[], functions: TemplateFunctions) {
    this.#pieces = pieces;
    this.#functions = functions;
  }

  /** The nodes up to one of the `closing` actions, and which it was; with none to wait for, up to the end. */
  block(closing: readonly string[]): { body: Node; closedBy: string; rest: string } {
    const nodes: Node[] = [];
    const body: Node = (scope, out) => {
      for (const node of nodes) node(scope, out);
    };
    while (this.#position < this.#pieces.length) {
      const piece = this.#pieces[this.#position++]!;
      if (piece.kind === "text") {
        if (piece.text !== "") nodes.push((_, out) => void out.push(piece.text));
        continue;
      }
      if (/^\/\*[\s\S]*\*\/$/.test(piece.text)) continue;
      const keyword = KEYWORD.exec(piece.text)?.[1];
      const rest = keyword ? piece.text.replace(KEYWORD, "") : piece.text;
      if (keyword && closing.includes(keyword)) return { body, closedBy: keyword, rest };
      nodes.push(this.#action(keyword, rest, piece.line));
    }
    if (closing.length > 0) throw new SyntaxError("template: unexpected end: an action is not closed");
    return { body, closedBy: "", rest: "" };
  }

  #pipeline(text: string, line: number): Expression {
    return parsePipeline(text, this.#functions, line);
  }

  #action(keyword: string | undefined, rest: string, line: number): Node {
    switch (keyword) {
      case undefined: {
        const pipeline = this.#pipeline(rest, line);
        if (pipeline.declares.length > 0) return (scope) => void pipeline.evaluate(scope);
        return (scope, out) => void out.push(printed(pipeline.evaluate(scope)));
      }
      case "if":
        return this.#condition(rest, line, (scope) => scope);
      case "with":
        return this.#condition(rest, line, (scope, value) => ({ ...scope, dot: value }));
      case "range":
        return this.#range(rest, line);
      case "break":
      case "continue": {
        const signal = keyword === "break" ? BREAK : CONTINUE;
        return () => {
          throw signal;
        };
      }
      default:
        throw new SyntaxError(`template: ${JSON.stringify(keyword)} in line ${line} is not supported here`);
    }
  }

  /** `if` and `with`: they differ in the scope of what is chosen. */
  #condition(text: string, line: number, inner: (scope: Scope, value: unknown) => Scope): Node {
    const condition = this.#pipeline(text, line);
    const chosen = this.block(["else", "end"]);
    const otherwise = chosen.closedBy === "else" ? this.#otherwise(chosen.rest, line) : undefined;
    return (outer, out) => {
      const scope = nested(outer);
      const value = condition.evaluate(scope);
      if (truth(value)) chosen.body(inner(scope, value), out);
      else otherwise?.(scope, out);
    };
  }

  #otherwise(rest: string, line: number): Node {
    const keyword = KEYWORD.exec(rest)?.[1];
    if (keyword === "if" || keyword === "with") return this.#action(keyword, rest.replace(KEYWORD, ""), line);
    return this.block(["end"]).body;
  }

  #range(text: string, line: number): Node {
    const pipeline = this.#pipeline(text, line);
    const each = this.block(["else", "end"]);
    const otherwise = each.closedBy === "else" ? this.#otherwise(each.rest, line) : undefined;
    const [first, second] = pipeline.declares;
    return (outer, out) => {
      const scope = nested(outer);
      const entries = entriesOf(pipeline.value(scope));
      if (entries.length === 0) otherwise?.(scope, out);
      for (const [key, value] of entries) {
        const inner = { ...nested(scope), dot: value };
        if (second !== undefined) {
          inner.variables.set(first!, key);
          inner.variables.set(second, value);
        } else if (first !== undefined) inner.variables.set(first, value);
        try {
          each.body(inner, out);
        } catch (signal) {
          if (signal === BREAK) break;
          if (signal !== CONTINUE) throw signal;
        }
      }
    };
  }
}

/** A scope whose variables end with it. */
const nested = (scope: Scope): Scope => ({ ...scope, variables: new Map(), parent: scope });

function entriesOf(value: unknown): [unknown, unknown][] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  if (typeof value === "number") return Array.from({ length: value }, (_, index) => [index, index]);
  if (typeof value === "object") {
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  }
  throw new Error(`template: range can't iterate over ${JSON.stringify(value)}`);
}
