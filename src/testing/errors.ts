/** What was done wrong with a cluster of this process; the message says what to do instead. */
export class ClusterUseError extends Error {
  readonly reason: "option" | "disposed" | "time" | "unsettled";

  constructor(reason: ClusterUseError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ClusterUseError";
    this.reason = reason;
  }
}
