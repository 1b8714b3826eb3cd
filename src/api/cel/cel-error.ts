/**
 * What went wrong with an expression.
 * - "compile": the text does not parse or its types do not fit; the message is a listing in cel-go's style.
 * - "evaluation": the expression failed on these values (`no such key: x`).
 * - "cost": the call's own limit or the budget of the request was used up; admission must not ignore it.
 */
export type CelErrorKind = "compile" | "evaluation" | "cost";

/** A place and a message of a compile error; line and column count from 1, the column in characters. */
export interface CelIssue {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export class CelError extends Error {
  readonly kind: CelErrorKind;
  /** Of a compile error: every issue found, in the order of the text. */
  readonly issues: readonly CelIssue[];

  constructor(kind: CelErrorKind, message: string, issues: readonly CelIssue[] = []) {
    super(message);
    this.name = "CelError";
    this.kind = kind;
    this.issues = issues;
  }

  /** A compile error as upstream tells it of a field; a listing follows `compilation failed:`. */
  get detail(): string {
    return this.kind === "compile" && this.message.startsWith("ERROR: ")
      ? `compilation failed: ${this.message}`
      : this.message;
  }
}
