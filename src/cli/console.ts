/** What the commands write to the person in front of them. */
export interface Console {
  /** Whether standard error is a terminal that can be overwritten. */
  readonly interactive: boolean;
  /** A line of the command's result. */
  print(text: string): void;
  /** A line about what is going on, on standard error. */
  note(text: string): void;
  /** Starts a step; on a terminal the line is overwritten by its outcome. */
  step(text: string): Step;
}

export interface Step {
  done(outcome?: string): void;
  failed(): void;
}

/** A failure that the user can do something about: the message is shown alone, without a stack trace. */
export class UserError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UserError";
  }
}

export function terminalConsole(
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  monotonic: () => number,
): Console {
  const interactive = stderr.isTTY === true;
  return {
    interactive,
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    step(text) {
      const start = monotonic();
      const took = () => `${((monotonic() - start) / 1000).toFixed(1)} s`;
      if (interactive) stderr.write(` … ${text}`);
      return {
        done: (outcome) => void stderr.write(`${interactive ? "\r\x1b[K" : ""} ✓ ${outcome ?? text} (${took()})\n`),
        failed: () => void stderr.write(`${interactive ? "\r\x1b[K" : ""} ✗ ${text} (${took()})\n`),
      };
    },
  };
}
