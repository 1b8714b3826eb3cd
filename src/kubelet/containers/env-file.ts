/**
 * The value of `key` in a file of `NAME='value'` lines (KEP-3721): values stand in single quotes, may span lines, and are
 * taken as they are; blank lines and lines that begin with `#` count for nothing. Undefined where the key is not in it.
 * Throws where the text is not of that form.
 */
export function envFileValue(text: string, key: string): string | undefined {
  let rest = text;
  let line = 1;
  let found: string | undefined;
  while (rest !== "") {
    const skipped = /^(?:[ \t]*(?:#[^\n]*)?(?:\r?\n|$))+/.exec(rest)?.[0] ?? "";
    line += skipped.split("\n").length - 1;
    rest = rest.slice(skipped.length);
    if (rest === "") break;
    const entry = /^[ \t]*([^\s=#'][^\s='#]*)='([^']*)'[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/.exec(rest);
    if (!entry) throw new Error(`invalid environment variable format at line ${line}`);
    const [whole, name, value] = entry as unknown as [string, string, string];
    // As a shell would have it, the last one counts.
    if (name === key) found = value;
    line += whole.split("\n").length - 1;
    rest = rest.slice(whole.length);
  }
  return found;
}
