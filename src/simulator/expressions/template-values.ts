/** A function that templates call. Throw an Error to refuse the arguments. */
export type TemplateFunction = (...values: readonly unknown[]) => unknown;
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

/** What Go counts as true: anything but nil, false, zero and what is empty. */
export function truth(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === "") return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object") return Object.keys(value).length > 0;
  return true;
}

/** As Go prints a value. */
export function printed(value: unknown): string {
  if (value === null || value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(printedInside).join(" ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, one]) => `${key}:${printedInside(one)}`).join(" ")}]`;
  }
  return String(value);
}
const printedInside = (value: unknown): string => (value === null || value === undefined ? "<nil>" : printed(value));
