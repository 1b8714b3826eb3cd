/** The fields that are neither absent nor zero: upstream's types leave zero counts out of a status. */
export function withoutZeros<T extends Record<string, number | undefined>>(counts: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(counts).filter(([, count]) => count !== undefined && count !== 0),
  ) as Partial<T>;
}

/** An absolute number, or a percentage of `total` rounded up or down. Throws a TypeError for anything else. */
export function scaledValue(value: number | string | undefined, total: number, roundUp: boolean): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const match = /^(\d+)%$/.exec(value);
  if (!match) throw new TypeError(`invalid value ${JSON.stringify(value)}: neither a number nor a percentage`);
  const exact = (Number(match[1]) * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}
