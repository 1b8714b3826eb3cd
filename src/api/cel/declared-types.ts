/**
 * The types that variables are declared with: Knarr's schema types as upstream declares OpenAPI's (apiserver's
 * pkg/cel/common/schemas.go). Each knows how many elements its values may have at most, in a request of 3 MiB at most.
 */
import type { ScalarType, StructType, Type } from "../schema/schema.ts";
import type { CelType } from "./cel.ts";
import { escapeName, fieldAlias } from "./escaping.ts";
import { LIBRARY_TYPES } from "./functions.ts";
import {
  BOOL,
  BYTES,
  type CType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  TIMESTAMP,
  UINT,
} from "./types.ts";

const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const DATE_TIME_SIZE = 32;
const DATE_SIZE = 12;
const MIN_DURATION_SIZE = 3;
const MIN_DATE_TIME_SIZE = 21;

const declared = new WeakMap<Type, Map<string, CType | undefined>>();

/** A schema's type under a name for its objects; undefined where expressions do not see such values. */
export function declaredType(type: Type, name: string): CType | undefined {
  let byName = declared.get(type);
  if (!byName) {
    byName = new Map();
    declared.set(type, byName);
  }
  if (!byName.has(name)) byName.set(name, declare(type, name));
  return byName.get(name);
}

function declare(type: Type, name: string): CType | undefined {
  switch (type.kind) {
    case "struct":
      return declareStruct(type, name);
    case "list": {
      const item = declaredType(type.items, `${name}.@idx`);
      if (!item) return undefined;
      return {
        ...listOf(item),
        get maxElements() {
          return type.maxItems ?? Math.floor((MAX_REQUEST_BYTES - 2) / (sizeOf(item) + 1));
        },
        minSize: 2,
      };
    }
    case "map": {
      const value = declaredType(type.values, `${name}.@elem`);
      if (!value) return undefined;
      return {
        ...mapOf(KEY, value),
        get maxElements() {
          // The least that an entry takes: a key, quotes, a colon and a comma beside the value.
          return type.maxProperties ?? Math.floor((MAX_REQUEST_BYTES - 2) / (sizeOf(value) + 6));
        },
        minSize: 2,
      };
    }
    case "scalar":
      return declareScalar(type);
    case "opaque":
      return type.form === "object"
        ? { kind: "struct", name, params: [], field: () => undefined, minSize: 2 }
        : undefined;
  }
}

/** Upstream takes the keys of maps for empty in its estimates. */
const KEY: CType = { ...STRING, minSize: 2, maxElements: 0 };
const sizeOf = (type: CType): number => type.minSize ?? 1;

function declareStruct(type: StructType, name: string): CType {
  let fields: Map<string, { readonly jsonName: string; readonly type: Type }> | undefined;
  const index = () => {
    fields ??= new Map(
      [...type.fields.values()].flatMap((field) => {
        const escaped = escapeName(field.name);
        return escaped === undefined ? [] : [[escaped, { jsonName: field.name, type: field.type }] as const];
      }),
    );
    return fields;
  };
  let minSize: number | undefined;
  return {
    kind: "struct",
    name,
    params: [],
    field: (field) => {
      const found = index().get(field) ?? index().get(fieldAlias(field) ?? "");
      return found && declaredType(found.type, `${name}.${field}`);
    },
    get minSize() {
      if (minSize !== undefined) return minSize;
      minSize = 2;
      let size = 2;
      for (const field of type.fields.values()) {
        if (!field.required || field.default !== undefined) continue;
        const fieldType = declaredType(field.type, `${name}.${escapeName(field.name) ?? field.name}`);
        if (fieldType) size += field.name.length + sizeOf(fieldType) + 4;
      }
      minSize = size;
      return size;
    },
  };
}

function declareScalar({ scalar, format, maxLength }: ScalarType): CType {
  const text = (type: CType, minSize: number, most: number): CType => ({ ...type, minSize, maxElements: most });
  const longest = MAX_REQUEST_BYTES - 2;
  switch (scalar) {
    case "boolean":
      return { ...BOOL, minSize: 4 };
    case "int32":
    case "int64":
      return { ...INT, minSize: 1 };
    case "double":
      return { ...DOUBLE, minSize: 1 };
    case "bytes":
      return text(BYTES, 2, maxLength ?? longest);
    case "time":
    case "microTime":
      return text(TIMESTAMP, MIN_DATE_TIME_SIZE, DATE_TIME_SIZE);
    case "intOrString":
    case "quantity":
      return text(DYN, 1, maxLength === undefined ? longest : maxLength * 4);
  }
  switch (format) {
    case "byte":
      return text(BYTES, 2, maxLength ?? longest);
    case "duration":
      return text(DURATION, MIN_DURATION_SIZE, DATE_TIME_SIZE);
    case "date":
      return text(TIMESTAMP, DATE_SIZE, DATE_SIZE);
    case "date-time":
      return text(TIMESTAMP, MIN_DATE_TIME_SIZE, DATE_TIME_SIZE);
    default:
      // A character takes up to four bytes.
      return text(STRING, 2, maxLength === undefined ? longest : maxLength * 4);
  }
}

const SIMPLE: Readonly<Record<Extract<CelType, string>, CType>> = {
  dyn: DYN,
  string: STRING,
  bool: BOOL,
  int: INT,
  uint: UINT,
  double: DOUBLE,
  bytes: BYTES,
  timestamp: TIMESTAMP,
  duration: DURATION,
  null_type: NULL,
  authorizer: LIBRARY_TYPES.authorizer!,
  resourceCheck: LIBRARY_TYPES.resourceCheck!,
};

/** The type of a variable. Nothing is known of its size where no schema tells. */
export function variableType(type: CelType, name: string): CType {
  if (typeof type === "string") return SIMPLE[type];
  if ("schema" in type) return declaredType(type.schema, name) ?? DYN;
  if ("optional" in type) return optionalOf(variableType(type.optional, name));
  if ("list" in type) return listOf(variableType(type.list, `${name}.@idx`));
  if ("map" in type) return mapOf(STRING, variableType(type.map, `${name}.@elem`));
  if ("checked" in type) return type.checked;
  const { object, fields } = type;
  const known = new Map<string, CType>();
  return {
    kind: "struct",
    name: object,
    params: [],
    field: (field) => {
      if (!Object.hasOwn(fields, field)) return undefined;
      let found = known.get(field);
      if (!found) {
        found = variableType(fields[field]!, `${object}.${field}`);
        known.set(field, found);
      }
      return found;
    },
  };
}
