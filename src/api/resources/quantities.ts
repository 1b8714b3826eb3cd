import { canonicalQuantity, Quantity, QuantityError } from "../quantity.ts";

/** Spellings that are canonical beyond doubt, and nearly all that occur: they need no arithmetic. */
const PLAIN = /^(0|[1-9][0-9]{0,2}(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;

/** Spells the amounts of a resource list as upstream stores them. What is no quantity stays, for validation to refuse. */
export function canonicalizeList(list: Record<string, string> | null | undefined): void {
  if (!list) return;
  for (const name in list) list[name] = canonical(list[name]!);
}

/** As `canonicalizeList`, and rounds up to whole thousandths, as container resources and capacities are kept. */
export function canonicalizeMilliList(list: Record<string, string> | null | undefined): void {
  if (!list) return;
  for (const name in list) {
    const text = list[name]!;
    if (typeof text === "string" && PLAIN.test(text)) continue;
    list[name] = canonical(text, true);
  }
}

/** One amount in upstream's spelling; unchanged where it is no quantity. */
export function canonical(text: string | number, roundToMilli = false): string {
  if (typeof text === "string" && PLAIN.test(text)) return text;
  try {
    if (!roundToMilli) return canonicalQuantity(text);
    const quantity = Quantity.parse(text);
    if (quantity.nano % 1_000_000n === 0n) return quantity.toString();
    return Quantity.ofMilli(quantity.milliValue(), quantity.format).toString();
  } catch (error) {
    if (error instanceof QuantityError) return text as string;
    throw error;
  }
}

/** The amount, or undefined where `text` is absent or no quantity. */
export function parseQuantity(text: string | number | null | undefined): Quantity | undefined {
  if (text === undefined || text === null) return undefined;
  try {
    return Quantity.parse(text);
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}
