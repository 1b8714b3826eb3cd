/**
 * The types that mutations name: `Object` and, for the objects inside, `Object.spec` and so on by their path, whose fields
 * may be anything; and JSONPatch.
 */
import { type CType, DYN, STRING } from "./types.ts";

const JSON_PATCH: CType = {
  kind: "struct",
  name: "JSONPatch",
  params: [],
  field: (name) => (["op", "path", "from"].includes(name) ? STRING : name === "value" ? DYN : undefined),
};

export function mutationType(name: string): CType | undefined {
  if (name === "JSONPatch") return JSON_PATCH;
  if (name !== "Object" && !name.startsWith("Object.")) return undefined;
  return { kind: "struct", name, params: [], field: () => DYN };
}
