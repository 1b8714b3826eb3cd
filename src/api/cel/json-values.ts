/**
 * JSON seen as values by its schema: a field or an item is bound when it is looked at. Lists of type set and map are
 * equal and add up as upstream's do, whatever the order of their items.
 */
import type { StructType, Type } from "../schema/schema.ts";
import { equal } from "./compare.ts";
import { escapeName, fieldAlias } from "./escaping.ts";
import { parseDuration, parseTimestamp } from "./time.ts";
import { CelList, CelMap, ListValue, type Value } from "./values.ts";

/** Makes a value of a piece of JSON. */
export type Binder = (json: unknown) => Value;

/** JSON without a schema: numbers are int where they are whole. */
export const bindDynamic: Binder = (json) => {
  switch (typeof json) {
    case "string":
    case "boolean":
    case "bigint":
      return json;
    case "number":
      return Number.isInteger(json) ? BigInt(json) : json;
    case "object":
      if (json === null) return null;
      if (Array.isArray(json)) return new JsonList(json, bindDynamic);
      return new JsonMap(json as Readonly<Record<string, unknown>>, bindDynamic);
    default:
      return null;
  }
};

const binders = new WeakMap<Type, Binder>();

/** What makes values of JSON of this type. */
export function binderOf(type: Type): Binder {
  let binder = binders.get(type);
  if (!binder) {
    binder = makeBinder(type);
    binders.set(type, binder);
  }
  return binder;
}

function makeBinder(type: Type): Binder {
  switch (type.kind) {
    case "struct":
      return orDynamic(isObject, (json) => new JsonStruct(json, type));
    case "list": {
      const item: Binder = (json) => binderOf(type.items)(json);
      const [listType, keys] = [type.listType, type.keys];
      return orDynamic(Array.isArray, (json) =>
        listType === "map" || listType === "set"
          ? new KeyedList(new JsonList(json, item), { listType, keys })
          : new JsonList(json, item),
      );
    }
    case "map":
      return orDynamic(isObject, (json) => new JsonMap(json, (value) => binderOf(type.values)(value)));
    case "scalar":
      return scalarBinder(type.scalar, type.format);
    case "opaque":
      return bindDynamic;
  }
}

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" && json !== null && !Array.isArray(json);
/** null is null whatever the schema says, and what doesn't fit it is taken as it is. */
const orDynamic =
  <T>(fits: (json: unknown) => json is T, bind: (json: T) => Value): Binder =>
  (json) =>
    fits(json) ? bind(json) : bindDynamic(json);

function scalarBinder(scalar: string, format: string | undefined): Binder {
  const text = (bind: (json: string) => Value): Binder =>
    orDynamic((json): json is string => typeof json === "string", bind);
  switch (scalar) {
    case "double":
      return (json) => (typeof json === "number" ? json : bindDynamic(json));
    case "bytes":
      return text((json) => Buffer.from(json, "base64"));
    case "time":
    case "microTime":
      return text(parseTimestamp);
  }
  switch (scalar === "string" ? format : undefined) {
    case "date-time":
      return text(parseTimestamp);
    case "date":
      return text((json) => parseTimestamp(/T/.test(json) ? json : `${json}T00:00:00Z`));
    case "duration":
      return text(parseDuration);
    case "byte":
      return text((json) => Buffer.from(json, "base64"));
    default:
      return bindDynamic;
  }
}

export class JsonList extends CelList {
  readonly #json: readonly unknown[];
  readonly #item: Binder;
  constructor(json: readonly unknown[], item: Binder) {
    super();
    this.#json = json;
    this.#item = item;
  }
  get length(): number {
    return this.#json.length;
  }
  at(index: number): Value {
    return this.#item(this.#json[index]);
  }
  override get json(): readonly unknown[] {
    return this.#json;
  }
}

/** What tells the items of a list of type set or map apart. */
interface Keying {
  readonly listType: "set" | "map";
  readonly keys: readonly string[];
}

/** A list of type set or map; what is added to it keeps it one. */
class KeyedList extends CelList {
  readonly #list: CelList;
  readonly #keying: Keying;
  constructor(list: CelList, keying: Keying) {
    super();
    this.#list = list;
    this.#keying = keying;
  }
  get length(): number {
    return this.#list.length;
  }
  at(index: number): Value {
    return this.#list.at(index);
  }
  override get json(): readonly unknown[] | undefined {
    return this.#list.json;
  }

  override equalsUnordered(other: CelList): boolean {
    const byKey = this.#byKey(this);
    for (const item of other) {
      const mine = byKey.get(this.#keyOf(item));
      if (mine === undefined || !equal(mine, item)) return false;
    }
    return byKey.size === other.length;
  }

  /** Items of the other list take the place of those with the same key; the others follow in their order. */
  override concat(other: CelList): CelList {
    const byKey = this.#byKey(this);
    for (const item of other) {
      const key = this.#keyOf(item);
      if (this.#keying.listType === "map" || !byKey.has(key)) byKey.set(key, item);
    }
    return new KeyedList(new ListValue([...byKey.values()]), this.#keying);
  }

  #byKey(list: CelList): Map<string, Value> {
    const found = new Map<string, Value>();
    for (const item of list) found.set(this.#keyOf(item), item);
    return found;
  }

  #keyOf(item: Value): string {
    const { listType, keys } = this.#keying;
    if (listType === "set") return keyPart(item);
    if (!(item instanceof CelMap)) return "";
    return JSON.stringify(keys.map((key) => keyPart(item.get(escapeName(key) ?? key) ?? null)));
  }
}
const keyPart = (value: Value): string =>
  typeof value === "bigint" ? `n${value}` : typeof value === "string" ? `s${value}` : String(value);

export class JsonMap extends CelMap {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #value: Binder;
  #size: number | undefined;
  constructor(json: Readonly<Record<string, unknown>>, value: Binder) {
    super();
    this.#json = json;
    this.#value = value;
  }
  get size(): number {
    this.#size ??= Object.keys(this.#json).length;
    return this.#size;
  }
  get(key: Value): Value | undefined {
    if (typeof key !== "string") return undefined;
    if (!Object.hasOwn(this.#json, key)) return undefined;
    const json = this.#json[key];
    return json === undefined ? undefined : this.#value(json);
  }
  keys(): Iterable<Value> {
    return Object.keys(this.#json);
  }
  override get json(): Readonly<Record<string, unknown>> {
    return this.#json;
  }
}

interface BoundField {
  readonly jsonName: string;
  readonly bind: Binder;
}
const structFields = new WeakMap<StructType, ReadonlyMap<string, BoundField>>();
function fieldsOf(type: StructType): ReadonlyMap<string, BoundField> {
  let fields = structFields.get(type);
  if (!fields) {
    fields = new Map(
      [...type.fields.values()].flatMap((field): [string, BoundField][] => {
        const name = escapeName(field.name);
        return name === undefined ? [] : [[name, { jsonName: field.name, bind: (json) => binderOf(field.type)(json) }]];
      }),
    );
    structFields.set(type, fields);
  }
  return fields;
}

/** An object with known fields, by the names that expressions use; other fields are not seen. */
class JsonStruct extends CelMap {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #fields: ReadonlyMap<string, BoundField>;
  constructor(json: Readonly<Record<string, unknown>>, type: StructType) {
    super();
    this.#json = json;
    this.#fields = fieldsOf(type);
  }
  get size(): number {
    let count = 0;
    for (const _ of this.keys()) count += 1;
    return count;
  }
  get(key: Value): Value | undefined {
    if (typeof key !== "string") return undefined;
    const field = this.#fields.get(key) ?? this.#fields.get(fieldAlias(key) ?? "");
    if (!field) return undefined;
    const json = this.#json[field.jsonName];
    return json === undefined ? undefined : field.bind(json);
  }
  *keys(): Iterable<Value> {
    for (const [name, { jsonName }] of this.#fields) if (this.#json[jsonName] !== undefined) yield name;
  }
  override get json(): Readonly<Record<string, unknown>> {
    return this.#json;
  }
}

/** An object of declared variables; a getter of the binding runs when the field is read. */
export class BoundObject extends CelMap {
  readonly #name: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #binders: ReadonlyMap<string, Binder>;
  constructor(name: string, values: Readonly<Record<string, unknown>>, fields: ReadonlyMap<string, Binder>) {
    super();
    this.#name = name;
    this.#values = values;
    this.#binders = fields;
  }
  override get typeName(): string {
    return this.#name;
  }
  get size(): number {
    return this.#binders.size;
  }
  get(key: Value): Value | undefined {
    const binder = typeof key === "string" ? this.#binders.get(key) : undefined;
    if (!binder) return undefined;
    const value = this.#values[key as string];
    return value === undefined ? undefined : binder(value);
  }
  keys(): Iterable<Value> {
    return [...this.#binders.keys()].filter((name) => this.#values[name] !== undefined);
  }
  override get json(): Readonly<Record<string, unknown>> {
    return this.#values;
  }
}
