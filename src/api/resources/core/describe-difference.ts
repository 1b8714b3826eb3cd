import { jsonEqual } from "../../json-equal.ts";

/** Differences beyond this many are counted, not shown. */
const MOST_SHOWN = 20;

/** Where two values differ, one line for what is gone and one for what came, by path: for people to read. */
export function describeDifference(before: unknown, after: unknown): string {
  const lines: string[] = [];
  collect(before, after, "", lines);
  const shown = lines.slice(0, MOST_SHOWN * 2);
  if (lines.length > shown.length) shown.push(`  ... and ${lines.length - shown.length} more`);
  return `${shown.join("\n")}\n`;
}

function collect(before: unknown, after: unknown, path: string, lines: string[]): void {
  if (jsonEqual(before, after)) return;
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      collect(before[key], after[key], path === "" ? key : `${path}.${key}`, lines);
    }
  } else if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (const [index, value] of before.entries()) collect(value, after[index], `${path}[${index}]`, lines);
  } else {
    if (before !== undefined) lines.push(`- ${path}: ${JSON.stringify(before)}`);
    if (after !== undefined) lines.push(`+ ${path}: ${JSON.stringify(after)}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
