import { jsonEqual } from "../../api/json-equal.ts";
import type { RemoteDocument } from "./openapi.ts";
import type { JsonSchema } from "./schemas.ts";

const KINDS = "x-kubernetes-group-version-kind";
/** What paths may refer to. */
const SECTIONS = ["definitions", "parameters"] as const;
type Section = (typeof SECTIONS)[number];
const REFERENCE = /^#\/(definitions|parameters)\/(.+)$/;

/**
 * The OpenAPI v2 document with the paths of other servers, and the definitions that those refer to. A definition that is
 * another one here goes under a name of its own (`Name_v2`), as upstream's aggregator does. Pure; shares with its inputs.
 */
export function mergeDocuments(own: JsonSchema, remotes: readonly RemoteDocument[]): JsonSchema {
  const merged: JsonSchema = { ...own };
  for (const { prefix, document } of remotes) merge(merged, prefix, document);
  return merged;
}

function merge(merged: JsonSchema, prefix: string, document: JsonSchema): void {
  const given = (document["paths"] ?? {}) as Record<string, unknown>;
  const paths = Object.fromEntries(Object.entries(given).filter(([path]) => path.startsWith(prefix)));
  const wanted = referred(paths, document);
  const names = new Map<string, string>();
  for (const section of SECTIONS) {
    const present = { ...((merged[section] ?? {}) as Record<string, unknown>) };
    for (const name of wanted[section]) {
      const value = (document[section] as Record<string, unknown> | undefined)?.[name];
      if (value !== undefined) names.set(`${section}/${name}`, freeName(name, value, present));
    }
  }
  for (const section of SECTIONS) {
    const present = { ...((merged[section] ?? {}) as Record<string, unknown>) };
    for (const name of wanted[section]) {
      const value = (document[section] as Record<string, unknown> | undefined)?.[name];
      const under = names.get(`${section}/${name}`);
      if (value === undefined || under === undefined) continue;
      present[under] = under in present ? withKinds(present[under], value) : renamed(value, names);
    }
    merged[section] = present;
  }
  const ownPaths = (merged["paths"] ?? {}) as Record<string, unknown>;
  merged["paths"] = { ...ownPaths, ...(renamed(paths, names) as Record<string, unknown>) };
}

/** Everything that `value` refers to in the document, and what that refers to. */
function referred(value: unknown, document: JsonSchema): Record<Section, Set<string>> {
  const found: Record<Section, Set<string>> = { definitions: new Set(), parameters: new Set() };
  const visit = (one: unknown): void => {
    if (Array.isArray(one)) for (const item of one) visit(item);
    else if (typeof one === "object" && one !== null) {
      for (const [key, member] of Object.entries(one)) {
        const match = key === "$ref" && typeof member === "string" ? REFERENCE.exec(member) : null;
        if (!match) {
          visit(member);
          continue;
        }
        const [section, name] = [match[1] as Section, match[2]!];
        if (found[section].has(name)) continue;
        found[section].add(name);
        visit((document[section] as Record<string, unknown> | undefined)?.[name]);
      }
    }
  };
  visit(value);
  return found;
}

/** The name under which a definition goes in: its own where that is free or means the same. */
function freeName(name: string, value: unknown, present: Readonly<Record<string, unknown>>): string {
  for (let candidate = name, number = 2; ; candidate = `${name}_v${number++}`) {
    if (!(candidate in present) || jsonEqual(comparable(present[candidate]), comparable(value))) return candidate;
  }
}

/** The kinds and the words of a definition don't make it another one. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, member]) => key !== KINDS && !(key === "description" && typeof member === "string"),
  );
  return Object.fromEntries(entries.map(([key, member]) => [key, comparable(member)]));
}

/** A definition that both have, with the kinds of both. */
function withKinds(present: unknown, other: unknown): unknown {
  const kinds = (of: unknown) => ((of as JsonSchema)[KINDS] ?? []) as object[];
  const added = kinds(other).filter((one) => !kinds(present).some((known) => jsonEqual(known, one)));
  return added.length === 0 ? present : { ...(present as JsonSchema), [KINDS]: [...kinds(present), ...added] };
}

/** The value with its references led to the new names. */
function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const match = key === "$ref" && typeof member === "string" ? REFERENCE.exec(member) : null;
      if (!match) return [key, renamed(member, names)];
      return [key, `#/${match[1]}/${names.get(`${match[1]}/${match[2]}`) ?? match[2]}`];
    }),
  );
}
