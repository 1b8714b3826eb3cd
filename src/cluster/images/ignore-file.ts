/**
 * Reads a `.dockerignore`: one pattern a line, relative to the directory, `#` for comments; `*`, `?` and `[…]` within a
 * name, `**` for any number of directories, `!` to take back what an earlier line excluded. The last match decides.
 * Returns whether a path (relative, with slashes) is excluded; what is below an excluded directory is so too.
 */
export function ignoreFile(text: string): (path: string) => boolean {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const exclude = !line.startsWith("!");
      const pattern = (exclude ? line : line.slice(1)).trim().replace(/^(?:\.?\/)+|\/+$/g, "");
      try {
        return { exclude, expression: new RegExp(`^${pattern.split("/").map(segment).join("")}(?:/|$)`) };
      } catch (error) {
        throw new Error(`.dockerignore: ${JSON.stringify(line)} is no pattern`, { cause: error });
      }
    });
  return (path) => {
    let excluded = false;
    for (const { exclude, expression } of rules) if (expression.test(path)) excluded = exclude;
    return excluded;
  };
}

/** One part of a pattern as a regular expression that takes its own separator. */
function segment(part: string, index: number, parts: string[]): string {
  const last = index === parts.length - 1;
  if (part === "**") return last ? ".*" : "(?:[^/]+/)*";
  const escaped = part
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replace(/\*/g, "[^/]*")
    .replace(/\?/g, "[^/]");
  return last ? escaped : `${escaped}/`;
}
