/** A field selector as query parameters carry it: `metadata.name=web,status.phase!=Running`; all terms must hold. */
export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
  readonly empty: boolean;
  /** `read` gives the value of a field, empty where the object has none. */
  matches(read: (field: string) => string): boolean;
  /** The value that `field` must have, if some term says so. */
  exactValue(field: string): string | undefined;
  toString(): string;
}
export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** The text is not a field selector; the message is upstream's. */
export class FieldSelectorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FieldSelectorError";
  }
}

/** Parses `field=value`, `field==value` and `field!=value`, joined by commas; a backslash escapes `\`, `,` and `=`. Throws FieldSelectorError. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === "") continue;
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    if (!match) throw new FieldSelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field, operator, value] = match as unknown as [string, string, string, string];
    const unescaped = unescapeValue(value);
    // Upstream lets a term of nothing but an operator pass, without a meaning.
    if (field === "" && unescaped === "") continue;
    requirements.push({ field, operator: operator === "!=" ? "!=" : "=", value: unescaped });
  }
  return fromRequirements(requirements);
}

/** The terms as given, for callers that build a selector themselves. */
export function fromRequirements(requirements: readonly FieldRequirement[]): FieldSelector {
  return {
    requirements,
    empty: requirements.length === 0,
    matches: (read) =>
      requirements.every(({ field, operator, value }) => (read(field) === value) === (operator === "=")),
    exactValue: (field) => requirements.find((one) => one.field === field && one.operator === "=")?.value,
    toString: () =>
      requirements.map(({ field, operator, value }) => `${field}${operator}${escapeValue(value)}`).join(","),
  };
}

/** Escapes what has a meaning in a selector. */
export const escapeValue = (value: string) => value.replace(/[\\,=]/g, "\\$&");

/** Splits at the commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "\\") index++;
    else if (text[index] === ",") {
      terms.push(text.slice(start, index));
      start = index + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(text: string): string {
  let value = "";
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (character === "\\") {
      const next = text[++index] ?? "";
      if (next !== "\\" && next !== "," && next !== "=") {
        throw new FieldSelectorError(`invalid field selector: invalid escape sequence: \\${next}`);
      }
      value += next;
    } else if (character === "=") {
      throw new FieldSelectorError("invalid field selector: unescaped character in value: 61");
    } else value += character;
  }
  return value;
}
