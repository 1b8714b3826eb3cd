/** A container could not be started; its status waits with `reason` and the message. */
export class StartError extends Error {
  readonly reason: string;
  /** Wall time in ms before which another try is of no use; absent: try again soon. */
  readonly retryAt: number | undefined;
  constructor(reason: string, message: string, options: { retryAt?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "StartError";
    this.reason = reason;
    this.retryAt = options.retryAt;
  }
}
