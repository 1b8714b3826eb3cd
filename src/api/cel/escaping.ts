/** The words of CEL that are no names. */
const RESERVED = new Set(
  (
    "true false null in as break const continue else for function if import let loop package namespace return " +
    "var void while"
  ).split(" "),
);
const ESCAPES: Readonly<Record<string, string>> = {
  __: "__underscores__",
  ".": "__dot__",
  "-": "__dash__",
  "/": "__slash__",
};

/** What a field is also found by: words that are no names need no escape after a dot. */
export const fieldAlias = (name: string): string | undefined => (RESERVED.has(name) ? `__${name}__` : undefined);

/** A property's name as expressions write it; undefined where it cannot be written and is not declared. */
export function escapeName(name: string): string | undefined {
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  if (RESERVED.has(name)) return `__${name}__`;
  return name.replace(/__|[-./]/g, (found) => ESCAPES[found]!);
}
