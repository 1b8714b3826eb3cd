const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/**
 * A name for a template: the same for equal ones whatever the order of their fields, another for each collision count.
 * Upstream hashes the dump of a Go value, which nobody else can; clients only rely on the name being there.
 */
export function templateHash(template: unknown, collisionCount: number | undefined): string {
  const hash = fnv1a(canonical(template) + (collisionCount === undefined ? "" : `#${collisionCount}`));
  return Array.from(String(hash), (digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join("");
}

/** JSON with sorted keys, without what is undefined. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const record = value as Record<string, unknown>;
  const fields = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`);
  return `{${fields.join(",")}}`;
}

/** FNV-1a, 32 bits, over the UTF-8 bytes. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
