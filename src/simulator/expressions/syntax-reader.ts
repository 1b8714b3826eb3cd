/** The tokens of a short text, read one after the other. Errors say where in the text they are. */
export class SyntaxReader {
  readonly #source: string;
  readonly #language: string;
  readonly #tokens: { text: string; start: number; end: number }[] = [];
  #position = 0;

  /** `token` is a sticky expression whose first group is the token, after blanks. Throws a SyntaxError for other text. */
  constructor(source: string, token: RegExp, language: string) {
    this.#source = source;
    this.#language = language;
    let offset = 0;
    while (source.slice(offset).trim() !== "") {
      token.lastIndex = offset;
      const match = token.exec(source);
      if (!match) throw this.error(`unexpected ${JSON.stringify(source.slice(offset).trim()[0])}`, offset);
      offset = token.lastIndex;
      this.#tokens.push({ text: match[1]!, start: offset - match[1]!.length, end: offset });
    }
  }

  /** The next token, or one further on; undefined after the last. */
  peek(ahead = 0): string | undefined {
    return this.#tokens[this.#position + ahead]?.text;
  }

  /** Whether the next token follows the last one without a blank between them. */
  adjacent(): boolean {
    const last = this.#tokens[this.#position - 1];
    return last?.end === this.#tokens[this.#position]?.start;
  }

  next(): string {
    const token = this.#tokens[this.#position++];
    if (!token) throw this.error("unexpected end");
    return token.text;
  }

  /** Takes the next token if it is `text`. */
  take(text: string): boolean {
    if (this.peek() !== text) return false;
    this.#position++;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.error(`${JSON.stringify(text)} is expected`);
  }

  end(): void {
    if (this.#position < this.#tokens.length) throw this.error(`unexpected ${JSON.stringify(this.peek())}`);
  }

  error(
    message: string,
    offset = this.#tokens[Math.min(this.#position, this.#tokens.length) - 1]?.start ?? 0,
  ): SyntaxError {
    return new SyntaxError(
      `${this.#language}: ${message} at character ${offset + 1} of ${JSON.stringify(this.#source)}`,
    );
  }
}
