import type { Clock } from "./clock.ts";

/** Key and value pairs of a log line; an Error is written as its message. */
export type LogFields = Record<string, unknown>;

/** A structured logger, one line per call. `debug` lines are written only where the level asks for them. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line, and appends `name` (if given) to the component's name. */
  with(fields: LogFields, name?: string): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error";
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Writes `time level component: message key="value"` lines to `write`, from `level` up. */
export function lineLogger(options: {
  clock: Clock;
  component: string;
  level?: LogLevel;
  write: (line: string) => void;
}): Logger {
  const threshold = LEVELS.indexOf(options.level ?? "info");
  const build = (component: string, bound: LogFields): Logger => {
    const emit = (level: LogLevel, message: string, fields?: LogFields) => {
      if (LEVELS.indexOf(level) < threshold) return;
      let line = `${new Date(options.clock.now()).toISOString()} ${level.toUpperCase().padEnd(5)} ${component}: ${message}`;
      for (const [key, value] of Object.entries({ ...bound, ...fields })) line += ` ${key}=${format(value)}`;
      options.write(`${line}\n`);
    };
    return {
      debug: (message, fields) => emit("debug", message, fields),
      info: (message, fields) => emit("info", message, fields),
      warn: (message, fields) => emit("warn", message, fields),
      error: (message, fields) => emit("error", message, fields),
      with: (fields, name) => build(name ? `${component}/${name}` : component, { ...bound, ...fields }),
    };
  };
  return build(options.component, {});
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
};

function format(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === "string") return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "undefined";
}
