import { callCost, resultCost } from "./costs.ts";
import type { Step } from "./frame.ts";
import { accepts, type Overload } from "./functions.ts";
import type { CType } from "./types.ts";
import { Fault, typeNameOf, type Value } from "./values.ts";

/** A call of the one overload that fits by its types, or of the one that fits the values. */
export function callStep(
  name: string,
  overloads: readonly Overload[],
  all: readonly Overload[],
  args: readonly Step[],
): Step {
  const known = overloads.length === 1 ? overloads[0] : undefined;
  const knownCost = callCost(name, known);
  const [first, second] = args;
  if (known && args.length === 2 && known.args.every(alwaysFits)) {
    const { call } = known;
    return (frame) => {
      const a = first!(frame);
      const b = second!(frame);
      frame.charge(knownCost ? knownCost([a, b]) : 1);
      return call(a, b);
    };
  }
  return (frame) => {
    const values = args.map((arg) => arg(frame));
    frame.charge(knownCost ? knownCost(values) : 1);
    const fits = ({ args: types }: Overload): boolean =>
      types.length === values.length && types.every((type, index) => accepts(type, values[index]!));
    // The checker may have settled on one overload where nothing was known; the values decide.
    const overload = overloads.find(fits) ?? all.find((one) => one.member === overloads[0]?.member && fits(one));
    if (!overload) throw unfitting(name, values);
    const result = overload.call(...values);
    if (name === "join") frame.charge(resultCost(name, result));
    return result;
  };
}

function unfitting(name: string, values: readonly Value[]): Fault {
  if (/^[_!@-]/.test(name)) return new Fault("no such overload");
  return new Fault(`no such overload: ${name}(${values.map(typeNameOf).join(", ")})`);
}

const alwaysFits = ({ kind }: CType): boolean => kind === "dyn" || kind === "param";
