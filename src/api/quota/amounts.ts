import { Quantity } from "../quantity.ts";

/** Amounts by the name of what is counted: `requests.cpu`, `pods`, `count/secrets`. */
export type Amounts = ReadonlyMap<string, Quantity>;

/** A resource list of the API as amounts. Throws QuantityError. */
export const parseAmounts = (list: Readonly<Record<string, string>> | undefined): Map<string, Quantity> =>
  new Map(Object.entries(list ?? {}).map(([name, text]) => [name, Quantity.parse(text)]));

/** Amounts as a resource list of the API, by name. */
export const formatAmounts = (amounts: Amounts): Record<string, string> =>
  Object.fromEntries([...amounts].map(([name, amount]) => [name, amount.toString()]));

/** `cpu=1,memory=2Gi`, by name; how quota messages show amounts. */
export const printAmounts = (amounts: Amounts): string =>
  [...amounts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => `${name}=${amount}`)
    .join(",");

/** The amounts that `keep` is true of. */
export const filterAmounts = (
  amounts: Amounts,
  keep: (name: string, amount: Quantity) => boolean,
): Map<string, Quantity> => new Map([...amounts].filter(([name, amount]) => keep(name, amount)));

/** Both together. */
export function addAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, sum.get(name)?.add(amount) ?? amount);
  return sum;
}

/** What `a` has more than `b`: nothing is below zero. */
export function increase(a: Amounts, b: Amounts): Map<string, Quantity> {
  const more = new Map<string, Quantity>();
  for (const [name, amount] of a) {
    const difference = amount.subtract(b.get(name) ?? Quantity.zero);
    more.set(name, difference.sign < 0 ? Quantity.zero : difference);
  }
  return more;
}

/** The larger of both, for each name. */
export function maximum(a: Amounts, b: Amounts): Map<string, Quantity> {
  const most = new Map(a);
  for (const [name, amount] of b) {
    const before = most.get(name);
    if (!before || before.compare(amount) < 0) most.set(name, amount);
  }
  return most;
}

/** Whether the same names have the same amounts. */
export const sameAmounts = (a: Amounts, b: Amounts): boolean =>
  a.size === b.size && [...a].every(([name, amount]) => b.get(name)?.compare(amount) === 0);
