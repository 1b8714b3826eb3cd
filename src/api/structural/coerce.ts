import type { WrittenKeys } from "../codec/json-text.ts";
import type { UnknownObject } from "../object.ts";
import { dropNulls } from "./defaults.ts";
import { coerceEmbedded, coerceMetadata } from "./embedded-metadata.ts";
import { prune } from "./prune.ts";
import { asResource, isJsonObject, type Schema } from "./structural.ts";

/**
 * Brings a custom object into form, in place, as decoding does with built-in kinds: unknown fields go, metadata gets its
 * canonical form, and so do embedded resources; nulls that may not be and have no default go too. `preserve`: the
 * definition keeps unknown fields altogether. Throws DecodeError.
 */
export function coerceObject(
  object: UnknownObject,
  schema: Schema | undefined,
  options: { lenient: boolean; unknown?: string[]; preserve?: boolean },
): void {
  const { kind, apiVersion } = object;
  const hasMetadata = Object.hasOwn(object, "metadata");
  const metadata = hasMetadata ? coerceMetadata(object.metadata, "", options) : undefined;
  if (!options.preserve) {
    prune(object, asResource(schema), options.unknown);
    dropNulls(object, schema);
  }
  coerceEmbedded(object, schema, options);
  if (kind !== undefined) object.kind = kind;
  if (apiVersion !== undefined) object.apiVersion = apiVersion;
  if (metadata) object.metadata = metadata;
}

/** The paths of the keys that are written twice, in the order of the text. */
export function repeatedFields(value: unknown, writtenKeys: WrittenKeys | undefined): string[] {
  const found: string[] = [];
  if (!writtenKeys) return found;
  const visit = (member: unknown, path: string) => {
    if (Array.isArray(member)) {
      member.forEach((item, index) => {
        visit(item, `${path}[${index}]`);
      });
      return;
    }
    if (!isJsonObject(member)) return;
    const written = writtenKeys.get(member) ?? [];
    const twice = new Set(written.filter((key, index) => written.indexOf(key) !== index));
    for (const key of Object.keys(member)) {
      const inner = path === "" ? key : `${path}.${key}`;
      visit(member[key], inner);
      if (twice.has(key)) found.push(inner);
    }
  };
  visit(value, "");
  return found;
}
