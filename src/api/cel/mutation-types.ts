/**
 * The types that mutations name: `Object` and, for the objects inside, `Object.spec` and so on by their path, whose fields
 * may be anything; and JSONPatch.
 */
import { CelValue } from "./bindings.ts";
import { type CType, DYN, STRING } from "./types.ts";
import { CelList, ListValue, MapValue, ObjectValue, type Value } from "./values.ts";

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

/**
 * What is wrong with the type names in a result: an object in the field `spec` must be an `Object.spec`, and so on.
 * undefined where all is well.
 */
export function typeNameProblem({ value }: CelValue): string | undefined {
  if (!(value instanceof ObjectValue)) return undefined;
  const problems: string[] = [];
  compareNames(value, value.name, problems);
  return problems.length === 0 ? undefined : problems.join("\n");
}

function compareNames(value: Value, expected: string, problems: string[]): void {
  if (value instanceof ObjectValue) {
    if (value.name !== expected) {
      problems.push(
        `unexpected type name ${JSON.stringify(value.name)}, expected ${JSON.stringify(expected)}, ` +
          "which matches field name path from root Object type",
      );
    }
    for (const [field, item] of value.fields) compareNames(item, `${expected}.${field}`, problems);
  } else if (value instanceof ListValue) for (const item of value) compareNames(item, expected, problems);
  else if (value instanceof MapValue) for (const key of value.keys()) compareNames(value.get(key)!, expected, problems);
}

/** The operations of a result of type list(JSONPatch), with the objects that they set. */
export function patchValues({ value }: CelValue): readonly CelValue[] {
  if (!(value instanceof CelList)) return [];
  return Array.from(value, (operation) => {
    const set = operation instanceof ObjectValue ? operation.fields.get("value") : undefined;
    return new CelValue(set ?? null);
  });
}
