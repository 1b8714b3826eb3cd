import { parseDuration } from "../api/duration.ts";

/** Milliseconds, or a Go duration: `90s`, `1h30m`. */
export type Duration = number | string;

/** Throws a RangeError for a text that is no duration. */
export const milliseconds = (duration: Duration): number =>
  typeof duration === "number" ? duration : parseDuration(duration);
