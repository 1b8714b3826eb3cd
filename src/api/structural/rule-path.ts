import { at, child } from "../resources/field-errors.ts";
import { propertyOf, type Schema, valuesOf } from "./structural.ts";

/** The path names no field; the message is upstream's. */
export class RulePathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RulePathError";
  }
}

/**
 * Follows a rule's `fieldPath` (`.spec.names['a.b']`) in a schema: the field's path as errors write it. Throws
 * RulePathError.
 */
export function followRulePath(path: string, schema: Schema): { path: string; schema: Schema } {
  let current = schema;
  let result = "";
  const step = (name: string) => {
    if (current.properties) {
      const next = propertyOf(current, name);
      if (!next) throw new RulePathError("does not refer to a valid field");
      result = child(result, name);
      current = next;
      return;
    }
    const values = valuesOf(current);
    if (!values) throw new RulePathError("does not refer to a valid field");
    result = at(result, name);
    current = values;
  };
  const tokens = path.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]']+|'/g) ?? [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token === ".") {
      const name = tokens[++index];
      if (name === undefined) throw new RulePathError("unexpected end of JSON path");
      step(name);
    } else if (token === "[") {
      const quoted = tokens[++index];
      if (quoted === undefined) throw new RulePathError("unexpected end of JSON path");
      if (!/^'.*'$/s.test(quoted) || quoted.length < 2) {
        throw new RulePathError(`expected single quoted string but got ${quoted}`);
      }
      step(unquoted(quoted.slice(1, -1)));
      const closing = tokens[++index];
      if (closing === undefined) throw new RulePathError("unexpected end of JSON path");
      if (closing !== "]") throw new RulePathError(`expected ] but got ${closing}`);
    } else throw new RulePathError(`expected [ or . but got: ${token}`);
  }
  return { path: result, schema: current };
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "'": "'",
  "\\": "\\",
};

function unquoted(text: string): string {
  return text.replace(/\\./gs, (found) => {
    const character = ESCAPES[found[1]!];
    if (character === undefined) throw new RulePathError(`invalid string literal: invalid escape char ${found}`);
    return character;
  });
}
