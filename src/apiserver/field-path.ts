/** Reads and writes fields by the JSON paths of definitions: `.spec.replicas`. */

type Fields = Record<string, unknown>;

const segments = (path: string) => path.replace(/^\./, "").split(".");

export function readPath(object: object, path: string): unknown {
  let value: unknown = object;
  for (const segment of segments(path)) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Fields)[segment];
  }
  return value;
}

/** Sets a field in place, making the objects on the way where they are missing. */
export function writePath(object: object, path: string, value: unknown): void {
  const names = segments(path);
  const last = names.pop()!;
  let holder = object as Fields;
  for (const name of names) {
    holder[name] ??= {};
    holder = holder[name] as Fields;
  }
  holder[last] = value;
}
