/** JSON values as Go's `%v` prints them, for messages, and for telling scalars apart as upstream does. */
export type JsonObject = Record<string, unknown>;

/** A JSON object: neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `map[a:1 b:[x y]]`, keys sorted. */
export function goString(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goString).join(" ")}]`;
  if (typeof value === "number") return goNumber(value);
  if (!isObject(value)) return String(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goString(value[key])}`);
  return `map[${members.join(" ")}]`;
}

/** Go turns to exponents at 1e21 and writes two digits of them. */
function goNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return BigInt(value).toString();
  const text = value.toExponential();
  const exponent = Number(text.slice(text.indexOf("e") + 1));
  if (exponent >= -4 && exponent < 21) return String(value);
  return `${text.slice(0, text.indexOf("e"))}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
