import { CelError, type CelIssue } from "./cel-error.ts";

/** Collects the issues of a text and lists them as cel-go does. */
export class Source {
  readonly text: string;
  readonly #issues: (CelIssue & { offset: number })[] = [];

  constructor(text: string) {
    this.text = text;
  }

  /** `offset` counts UTF-16 units from the start of the text. */
  report(offset: number, message: string): void {
    if (this.#issues.length >= MAX_ISSUES) return;
    const before = this.text.slice(0, offset);
    const lineStart = before.lastIndexOf("\n") + 1;
    this.#issues.push({
      offset,
      line: before.split("\n").length,
      column: [...before.slice(lineStart)].length + 1,
      message,
    });
  }

  get failed(): boolean {
    return this.#issues.length > 0;
  }

  /** Throws a "compile" error where there was any issue. */
  raise(): void {
    if (!this.failed) return;
    const issues = this.#issues.toSorted((a, b) => a.offset - b.offset);
    const lines = this.text.split("\n");
    const listing = issues.map(({ line, column, message }) => {
      const text = lines[line - 1]?.replaceAll("\t", " ");
      const head = `ERROR: <input>:${line}:${column}: ${message}`;
      if (text === undefined || text.length > MAX_SNIPPET) return head;
      const before = [...text].slice(0, column - 1).map((char) => (wide(char) ? "\uff0e" : "."));
      const mark = wide([...text][column - 1] ?? "") ? "\uff3e" : "^";
      return `${head}\n | ${text}\n | ${before.join("")}${mark}`;
    });
    throw new CelError(
      "compile",
      listing.join("\n"),
      issues.map(({ line, column, message }) => ({ line, column, message })),
    );
  }
}

/** More issues than these are not listed: a short text can have very many. */
const MAX_ISSUES = 100;
const MAX_SNIPPET = 16384;
const wide = (char: string): boolean => char > "\u007f";
