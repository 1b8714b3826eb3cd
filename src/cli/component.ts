import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../api/duration.ts";
import type { Flag, Flags, FlagValues } from "../base/flags.ts";
import { type Logger, type LogLevel, lineLogger } from "../base/logger.ts";
import type { Context } from "./context.ts";

/** What every component takes beside its own flags. */
const LOGGING = {
  v: { kind: "integer", default: 0, description: "verbosity: 4 and above logs debug lines" },
} as const satisfies Flags;

/**
 * Mounts a component as a subcommand: its flags, a logger on standard error, and a run that lasts until the process is
 * asked to stop.
 */
export function defineComponent<F extends Flags>(
  program: Command,
  context: Context,
  component: {
    name: string;
    description: string;
    flags: F;
    run(values: FlagValues<F>, effects: { logger: Logger; signal: AbortSignal }): Promise<void>;
  },
): void {
  const command = program.command(component.name).description(component.description);
  const flags: Flags = { ...component.flags, ...LOGGING };
  for (const [name, flag] of Object.entries(flags)) command.addOption(option(name, flag));
  command.action(async () => {
    const given = command.opts<Record<string, unknown>>();
    const values = Object.fromEntries(
      Object.keys(flags).map((name) => [name, given[attribute(name)]]),
    ) as unknown as FlagValues<F>;
    const level: LogLevel = Number(given.v) >= 4 ? "debug" : "info";
    const logger = componentLogger(context, component.name, level);
    await component.run(values, { logger, signal: context.stopRequested });
  });
}

/** A logger of one line per entry on standard error. */
export function componentLogger(context: Context, component: string, level: LogLevel = "info"): Logger {
  return lineLogger({
    clock: context.machine.clock,
    component,
    level,
    write: (line) => context.console.note(line.trimEnd()),
  });
}

const attribute = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

function option(name: string, flag: Flag): Option {
  const dashes = name.length === 1 ? "-" : "--";
  const form = flag.kind === "boolean" ? `${dashes}${name} [value]` : `${dashes}${name} <${flag.kind}>`;
  const result = new Option(form, flag.description).argParser((text: string, previous: unknown) =>
    parse(flag, text, previous),
  );
  if (flag.kind === "boolean") result.preset("true");
  if (flag.default !== undefined) {
    result.default(
      flag.default,
      flag.kind === "duration" ? `${Number(flag.default) / 1000}s` : JSON.stringify(flag.default),
    );
  }
  if (flag.required) result.makeOptionMandatory();
  return result;
}

function parse(flag: Flag, text: string, previous: unknown): unknown {
  switch (flag.kind) {
    case "boolean":
      if (/^(true|t|1)$/i.test(text)) return true;
      if (/^(false|f|0)$/i.test(text)) return false;
      throw new InvalidArgumentError("it is a boolean: true or false.");
    case "integer":
      if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError("it is a whole number.");
      return Number(text);
    case "number":
      if (!/^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text)) throw new InvalidArgumentError("it is a number.");
      return Number(text);
    case "duration":
      try {
        return parseDuration(text);
      } catch (error) {
        throw new InvalidArgumentError(`${(error as Error).message}.`);
      }
    case "repeated":
      return [...((previous as string[]) ?? []), text];
    case "list":
      return [...(previous === flag.default ? [] : ((previous as string[]) ?? [])), ...text.split(",").filter(Boolean)];
    default:
      return text;
  }
}
