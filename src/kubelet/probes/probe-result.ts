/** What one probe came to. `warning` counts as a success that deserves an event. */
export interface ProbeOutcome {
  result: "success" | "warning" | "failure";
  output: string;
}

/** The probe could not be carried out at all, which says nothing about the container. */
export class ProbeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProbeError";
  }
}
