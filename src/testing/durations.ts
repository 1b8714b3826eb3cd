import { parseDuration } from "../api/duration.ts";
import { ClusterUseError } from "./errors.ts";

/** Milliseconds, or a text such as `90s`, `1h30m`, `2d`. */
export type Duration = number | string;

/** Throws a ClusterUseError for what is no duration, and for one below zero: time does not run backwards. */
export function milliseconds(duration: Duration): number {
  const ms = typeof duration === "number" ? duration : textMs(duration);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const shown = JSON.stringify(duration);
  throw new ClusterUseError("time", `${shown} is no duration from zero on: give milliseconds, or a text such as "2h"`);
}

function textMs(text: string): number {
  const days = /^(\d+(?:\.\d+)?)d(.*)$/.exec(text);
  try {
    if (!days) return parseDuration(text);
    return Number(days[1]) * 86_400_000 + (days[2] ? parseDuration(days[2]) : 0);
  } catch (error) {
    if (error instanceof RangeError) return Number.NaN;
    throw error;
  }
}
