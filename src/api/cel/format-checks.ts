import type { Call, Expr } from "./ast.ts";
import { outOfRange, parseFormat, RULES, unfit } from "./library/format-text.ts";
import type { Source } from "./source.ts";
import type { CType } from "./types.ts";
import { Fault } from "./values.ts";

/** `"…".format([…])` with both literal: whether the arguments fit the clauses. The first problem is reported. */
export function checkFormat({ offset, target, args }: Call, source: Source): void {
  const list = args[0];
  if (target?.kind !== "literal" || typeof target.value !== "string" || list?.kind !== "list") return;
  try {
    const clauses = parseFormat(target.value).filter((part) => typeof part !== "string");
    for (const [index, { verb }] of clauses.entries()) {
      const item = list.items[index];
      if (!item) throw new Fault(outOfRange(index));
      const name = plainName(item);
      if (name !== "dyn" && !RULES[verb][1].split(" ").includes(name)) {
        source.report(item.offset, unfit(verb, name));
        return;
      }
    }
    if (list.items.length > clauses.length) {
      const counts = `expected ${clauses.length}, got ${list.items.length}`;
      throw new Fault(`too many arguments supplied to string.format (${counts})`);
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    source.report(offset, error.message);
  }
}

const FULL_NAMES: Readonly<Record<string, string>> = {
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
};
/** The name of a type without its parameters. */
function plainName({ type }: Expr): string {
  const { kind, name } = type as CType;
  return kind === "param" || kind === "error" ? "dyn" : (FULL_NAMES[kind] ?? name);
}
