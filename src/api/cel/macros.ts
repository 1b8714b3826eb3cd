/** The macros of the language, of optional types, of two-variable comprehensions and of lists. */
import { ACCUMULATOR, type Call, type Expr } from "./ast.ts";

type Report = (offset: number, message: string) => void;

/** What a call stands for; undefined where it is no macro. Wrong arguments are reported. */
export function expandMacro(
  name: string,
  target: Expr | undefined,
  args: readonly Expr[],
  offset: number,
  report: Report,
): Expr | undefined {
  const macro = MACROS[`${target ? "." : ""}${name}/${args.length}`];
  return macro?.({ make: builder(offset), target: target!, args, report });
}

interface Use {
  readonly make: ReturnType<typeof builder>;
  readonly target: Expr;
  readonly args: readonly Expr[];
  readonly report: Report;
}

function builder(offset: number) {
  const ident = (name: string): Expr => ({ kind: "ident", offset, name });
  const literal = (value: boolean | bigint): Expr => ({ kind: "literal", offset, value });
  const call = (name: string, ...args: Expr[]): Call => ({ kind: "call", offset, name, target: undefined, args });
  const member = (target: Expr, name: string, ...args: Expr[]): Call => ({ ...call(name, ...args), target });
  const list = (...items: Expr[]): Expr => ({ kind: "list", offset, items, optional: new Set() });
  const accumulator = ident(ACCUMULATOR);
  const loop = (
    range: Expr,
    [variable, variable2]: readonly string[],
    parts: { init: Expr; condition?: Expr; step: Expr; result?: Expr },
  ): Expr => ({
    kind: "comprehension",
    offset,
    range,
    variable: variable!,
    variable2,
    accumulator: ACCUMULATOR,
    init: parts.init,
    condition: parts.condition ?? literal(true),
    step: parts.step,
    result: parts.result ?? accumulator,
  });
  /** A variable for one expression: a loop that never runs. */
  const bind = (variable: string, value: Expr, result: Expr): Expr => ({
    kind: "comprehension",
    offset,
    range: list(),
    variable: "#unused",
    variable2: undefined,
    accumulator: variable,
    init: value,
    condition: literal(false),
    step: ident(variable),
    result,
  });
  return { offset, ident, literal, call, member, list, accumulator, loop, bind };
}

const NOT_SIMPLE = "argument must be a simple name";
const NOT_IDENTIFIER = "argument is not an identifier";

/** The names of the loop's variables, from the first arguments; undefined where they are no simple names. */
function variables({ args, report }: Use, count: number, problem = NOT_SIMPLE): string[] | undefined {
  const names: string[] = [];
  for (const arg of args.slice(0, count)) {
    if (arg.kind !== "ident" || arg.name.startsWith(".")) {
      report(arg.offset, problem);
      return undefined;
    }
    if (names.includes(arg.name)) {
      report(arg.offset, `duplicate variable name: ${arg.name}`);
      return undefined;
    }
    names.push(arg.name);
  }
  return names;
}

/** A macro over a range with one or two variables; the rest of the arguments goes to `parts`. */
const looping =
  (count: 1 | 2, parts: (use: Use, rest: readonly Expr[]) => Parameters<Use["make"]["loop"]>[2], problem?: string) =>
  (use: Use): Expr => {
    const names = variables(use, count, problem);
    if (!names) return use.target;
    return use.make.loop(use.target, names, parts(use, use.args.slice(count)));
  };

type Parts = Parameters<typeof looping>[1];
const all: Parts = ({ make }, [predicate]) => ({
  init: make.literal(true),
  condition: make.call("@not_strictly_false", make.accumulator),
  step: make.call("_&&_", make.accumulator, predicate!),
});
const exists: Parts = ({ make }, [predicate]) => ({
  init: make.literal(false),
  condition: make.call("@not_strictly_false", make.call("!_", make.accumulator)),
  step: make.call("_||_", make.accumulator, predicate!),
});
const existsOne: Parts = ({ make }, [predicate]) => ({
  init: make.literal(0n),
  step: make.call("_?_:_", predicate!, make.call("_+_", make.accumulator, make.literal(1n)), make.accumulator),
  result: make.call("_==_", make.accumulator, make.literal(1n)),
});
/** `[filter,] step`: the step where the filter holds. */
const filtered = (make: Use["make"], rest: readonly Expr[], step: (last: Expr) => Expr): Expr =>
  rest.length === 1 ? step(rest[0]!) : make.call("_?_:_", rest[0]!, step(rest[1]!), make.accumulator);
const toList: Parts = ({ make }, rest) => ({
  init: make.list(),
  step: filtered(make, rest, (last) => make.call("_+_", make.accumulator, make.list(last))),
});
const filter: Parts = ({ make, args }, [predicate]) => ({
  init: make.list(),
  step: make.call("_?_:_", predicate!, make.call("_+_", make.accumulator, make.list(args[0]!)), make.accumulator),
});
const emptyMap = (make: Use["make"]): Expr => ({ kind: "map", offset: make.offset, entries: [] });
const toMap: Parts = ({ make, args }, rest) => ({
  init: emptyMap(make),
  step: filtered(make, rest, (last) => make.call("cel.@mapInsert", make.accumulator, args[0]!, last)),
});
const toMapEntries: Parts = ({ make }, rest) => ({
  init: emptyMap(make),
  step: filtered(make, rest, (last) => make.call("cel.@mapInsert", make.accumulator, last)),
});

const MACROS: Readonly<Record<string, (use: Use) => Expr>> = {
  "has/1": ({ make, args, report }) => {
    const arg = args[0]!;
    if (arg.kind === "select" && !arg.testOnly) return { ...arg, offset: make.offset, testOnly: true };
    report(arg.offset, "invalid argument to has() macro");
    return arg;
  },
  ".all/2": looping(1, all),
  ".all/3": looping(2, all),
  ".exists/2": looping(1, exists),
  ".exists/3": looping(2, exists),
  ".exists_one/2": looping(1, existsOne),
  ".existsOne/2": looping(1, existsOne),
  ".exists_one/3": looping(2, existsOne),
  ".existsOne/3": looping(2, existsOne),
  ".map/2": looping(1, toList, NOT_IDENTIFIER),
  ".map/3": looping(1, toList, NOT_IDENTIFIER),
  ".filter/2": looping(1, filter, NOT_IDENTIFIER),
  ".transformList/3": looping(2, toList),
  ".transformList/4": looping(2, toList),
  ".transformMap/3": looping(2, toMap),
  ".transformMap/4": looping(2, toMap),
  ".transformMapEntry/3": looping(2, toMapEntries),
  ".transformMapEntry/4": looping(2, toMapEntries),
  ".optMap/2": (use) => {
    const names = variables(use, 1);
    if (!names) return use.target;
    const { make, target, args } = use;
    const mapped = make.bind(names[0]!, make.member(target, "value"), args[1]!);
    return make.call(
      "_?_:_",
      make.member(target, "hasValue"),
      make.call("optional.of", mapped),
      make.call("optional.none"),
    );
  },
  ".optFlatMap/2": (use) => {
    const names = variables(use, 1);
    if (!names) return use.target;
    const { make, target, args } = use;
    const mapped = make.bind(names[0]!, make.member(target, "value"), args[1]!);
    return make.call("_?_:_", make.member(target, "hasValue"), mapped, make.call("optional.none"));
  },
  ".sortBy/2": (use) => {
    const names = variables(use, 1);
    if (!names) return use.target;
    const { make, target, args } = use;
    const input = make.ident("@sortByInput");
    const keys = make.loop(input, names, toList(use, [args[1]!]));
    return make.bind("@sortByInput", target, make.member(input, "@sortByAssociatedKeys", keys));
  },
};
