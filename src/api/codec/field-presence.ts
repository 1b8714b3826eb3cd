/** Which fields upstream's encoding leaves out, fills in, and writes as null: what the tags of Go's structs say. */
import type { Field, StructType, Type } from "../schema/schema.ts";

/** Whether upstream's encoding leaves the value out. */
export function isOmitted(field: Field, value: unknown): boolean {
  if (field.pointer || field.omit === "never") return false;
  switch (field.type.kind) {
    case "scalar":
      switch (field.type.scalar) {
        case "quantity":
        case "intOrString":
        case "time":
        case "microTime":
          return false;
        default:
          return value === "" || value === 0 || value === false;
      }
    case "list":
      return (value as unknown[]).length === 0;
    case "map":
      for (const _ in value as object) return false;
      return true;
    default:
      return false;
  }
}

const fillers = new WeakMap<StructType, readonly Field[]>();

/** The fields that upstream's encoding always writes, in their zero value if need be. */
export function fillersOf(type: StructType): readonly Field[] {
  const known = fillers.get(type);
  if (known) return known;
  const found = [...type.fields.values()].filter((field) => {
    if (field.pointer || field.omit === "zero") return false;
    if (field.type.kind === "struct") return true;
    if (field.type.kind !== "scalar") return false;
    const { scalar } = field.type;
    if (scalar === "time" || scalar === "microTime" || scalar === "bytes") return false;
    return field.omit === "never" || scalar === "quantity" || scalar === "intOrString";
  });
  fillers.set(type, found);
  return found;
}

const nullFields = new WeakMap<StructType, ReadonlySet<string>>();

/** The fields that upstream writes as null where they are absent, and that are left out here. */
export function nullFieldsOf(type: StructType): ReadonlySet<string> {
  const known = nullFields.get(type);
  if (known) return known;
  const found = new Set<string>();
  for (const { name, type: fieldType, omit, pointer } of type.fields.values()) {
    const isTime =
      fieldType.kind === "scalar" && (fieldType.scalar === "time" || fieldType.scalar === "microTime") && !pointer;
    const isReference =
      pointer || (fieldType.kind === "scalar" ? fieldType.scalar === "bytes" : fieldType.kind !== "struct");
    if (isTime ? omit !== "zero" : omit === "never" && isReference) found.add(name);
  }
  nullFields.set(type, found);
  return found;
}

/** The object without any value, as upstream would write it. */
export const zeroObject = (type: StructType): Record<string, unknown> => zeroOf(type) as Record<string, unknown>;

/** The value of a type that nothing was said about; null where upstream has a nil. */
export function zeroOf(type: Type): unknown {
  switch (type.kind) {
    case "struct": {
      const zero: Record<string, unknown> = {};
      for (const field of fillersOf(type)) zero[field.name] = zeroOf(field.type);
      return zero;
    }
    case "list":
      return [];
    case "map":
      return {};
    case "opaque":
      return null;
    case "scalar":
      switch (type.scalar) {
        case "boolean":
          return false;
        case "int32":
        case "int64":
        case "double":
        case "intOrString":
          return 0;
        case "quantity":
          return "0";
        case "string":
        case "bytes":
          return "";
        default:
          return null;
      }
  }
}
