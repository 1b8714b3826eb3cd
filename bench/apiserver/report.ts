/** The value in the middle. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** The same of what the figure is held against, in the same run. */
  ceiling?: number;
  /** What the figure (or with a ceiling its share of it) must reach, or stay under. */
  atLeast?: number;
  atMost?: number;
}

/** One line for a figure: what it is, what it is held against, and whether it is good enough. */
export function show({ name, value, unit, ceiling, atLeast, atMost }: Figure): string {
  const number = (n: number) => (n >= 100 ? Math.round(n).toLocaleString("en") : n.toFixed(n < 10 ? 2 : 1));
  const share = ceiling === undefined ? undefined : value / ceiling;
  const judged = share ?? value;
  const form = (n: number) => (share === undefined ? number(n) : `${(n * 100).toFixed(0)}%`);
  const goal = atLeast !== undefined ? `≥ ${form(atLeast)}` : atMost !== undefined ? `≤ ${form(atMost)}` : "";
  const holds = atLeast !== undefined ? judged >= atLeast : atMost !== undefined ? judged <= atMost : undefined;
  return [
    name.padEnd(66),
    number(value).padStart(9),
    unit.padEnd(9),
    (ceiling === undefined ? "" : `of ${number(ceiling)} = ${form(share!)}`).padEnd(20),
    goal.padEnd(8),
    holds === undefined ? "" : holds ? "ok" : "MISSED",
  ]
    .join(" ")
    .trimEnd();
}
