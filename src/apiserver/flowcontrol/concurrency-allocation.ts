/** One party to an allocation. */
export interface Share {
  /** What it could use; at least `lowest`. */
  readonly target: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Targets below count as this much, so that proportions can be taken. */
const LEAST_TARGET = 0.001;
const EPSILON = 1e-7;

/**
 * Divides `total` so that each share gets the same fraction of its target, cut to its bounds. Exact up to floating point:
 * the amounts add up to `total`. Throws a RangeError where the bounds leave no solution. (KEP-1040, "Dispatching".)
 */
export function allocate(total: number, shares: readonly Share[]): { amounts: number[]; fairFraction: number } {
  const targets = shares.map(({ target }) => Math.max(target, LEAST_TARGET));
  const sum = (fraction: number) =>
    shares.reduce((all, share, index) => all + cut(fraction * targets[index]!, share), 0);
  for (const { lowest, highest, target } of shares) {
    if (lowest < 0 || highest < lowest || target < lowest) throw new RangeError("bounds contradict each other");
  }
  const least = shares.reduce((all, { lowest }) => all + lowest, 0);
  const most = shares.reduce((all, { highest }) => all + highest, 0);
  if (least - total > EPSILON) throw new RangeError(`lower bounds sum to ${least}, more than ${total}`);
  if (total - most > EPSILON) throw new RangeError(`upper bounds sum to ${most}, less than ${total}`);
  // The sum grows with the fraction, in straight lines between the fractions at which a bound begins or ends to count.
  const corners = shares.flatMap(({ lowest, highest }, index) => [lowest / targets[index]!, highest / targets[index]!]);
  corners.sort((a, b) => a - b);
  let from = corners[0] ?? 0;
  for (const to of corners) {
    const reached = sum(to);
    if (reached < total) {
      from = to;
      continue;
    }
    const before = sum(from);
    const fairFraction = reached === before ? to : from + ((to - from) * (total - before)) / (reached - before);
    return { amounts: shares.map((share, index) => cut(fairFraction * targets[index]!, share)), fairFraction };
  }
  return { amounts: shares.map(({ highest }) => highest), fairFraction: from };
}

const cut = (value: number, { lowest, highest }: Share) => Math.min(highest, Math.max(lowest, value));
