/**
 * The values of expressions. Scalars are JavaScript's where it has them (int is bigint, double is number); everything
 * else is one of these classes. Values are immutable.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | CelList
  | CelMap
  | Optional
  | LibraryValue;

/** An evaluation that failed. Not an Error, because && and || may swallow it: no stack is taken. */
export class Fault {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since 1970. */
export class Timestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    if (nanos < FIRST || nanos > LAST) throw new Fault("timestamp overflow");
    this.nanos = nanos;
  }
}
/** The years 1 to 9999. */
const FIRST = -62_135_596_800n * 1_000_000_000n;
const LAST = 253_402_300_799n * 1_000_000_000n + 999_999_999n;

export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    if (BigInt.asIntN(64, nanos) !== nanos) throw new Fault("duration overflow");
    this.nanos = nanos;
  }
}

/** A type as a value: what `type(x)` gives. */
export class TypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class Optional {
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
  static readonly none = new Optional(undefined);
}

/** A value that a library brings: a URL, a quantity, an authorizer. */
export abstract class LibraryValue {
  abstract readonly typeName: string;
  abstract equals(other: LibraryValue): boolean;
  /** What stands in its place in a JSON result. */
  toJson(): unknown {
    return this.typeName;
  }
  /** Its size in the reckoning of costs. */
  get costSize(): number {
    return 1;
  }
}

export abstract class CelList {
  abstract readonly length: number;
  abstract at(index: number): Value;
  /** How two lists become one; lists of a schema may be sets or maps. */
  concat(other: CelList): CelList {
    return new ConcatList(this, other);
  }
  /** undefined where lists are compared item by item. */
  equalsUnordered(_other: CelList): boolean | undefined {
    return undefined;
  }
  /** The JSON that the list was bound to. */
  get json(): readonly unknown[] | undefined {
    return undefined;
  }
  *[Symbol.iterator](): IterableIterator<Value> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index);
  }
}

export abstract class CelMap {
  abstract readonly size: number;
  /** undefined where there is no such key. */
  abstract get(key: Value): Value | undefined;
  abstract keys(): Iterable<Value>;
  /** The type it says it has. */
  get typeName(): string {
    return "map";
  }
  get json(): Readonly<Record<string, unknown>> | undefined {
    return undefined;
  }
}

export class ListValue extends CelList {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
  get length(): number {
    return this.items.length;
  }
  at(index: number): Value {
    return this.items[index]!;
  }
  override [Symbol.iterator](): IterableIterator<Value> {
    return this.items[Symbol.iterator]() as IterableIterator<Value>;
  }
}

/** More items than these are in no list: what one request can hold is less. */
const MAX_ITEMS = 4_000_000;

/** Two lists as one, put together when an item is asked for: adding lists costs little, however long they are. */
class ConcatList extends CelList {
  readonly length: number;
  #parts: readonly [CelList, CelList] | undefined;
  #items: Value[] = [];

  constructor(left: CelList, right: CelList) {
    super();
    this.length = left.length + right.length;
    this.#parts = [left, right];
  }
  at(index: number): Value {
    if (this.#parts) this.#join();
    return this.#items[index]!;
  }
  /** Without recursion: chains of additions are as deep as they are long. */
  #join(): void {
    if (this.length > MAX_ITEMS) throw new Fault(`a list of ${this.length} items is too long`);
    const waiting: CelList[] = [this];
    for (let list = waiting.pop(); list; list = waiting.pop()) {
      if (list instanceof ConcatList && list.#parts) waiting.push(list.#parts[1], list.#parts[0]);
      else for (const item of list) this.#items.push(item);
    }
    this.#parts = undefined;
  }
}

/** What a map is asked by: numbers that are equal are one key. */
export function mapKey(key: Value): string | bigint | boolean | number | undefined {
  switch (typeof key) {
    case "string":
    case "bigint":
    case "boolean":
      return key;
    case "number":
      return Number.isInteger(key) ? BigInt(key) : key;
    default:
      return key instanceof Uint ? key.value : undefined;
  }
}

export class MapValue extends CelMap {
  readonly #entries: ReadonlyMap<unknown, readonly [Value, Value]>;

  constructor(entries: ReadonlyMap<unknown, readonly [Value, Value]>) {
    super();
    this.#entries = entries;
  }
  static of(entries: Iterable<readonly [Value, Value]>): MapValue {
    return new MapValue(new Map([...entries].map((entry) => [mapKey(entry[0]), entry])));
  }
  get size(): number {
    return this.#entries.size;
  }
  get(key: Value): Value | undefined {
    return this.#entries.get(mapKey(key))?.[1];
  }
  *keys(): Iterable<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }
  /** A new map with one more entry; Fault where the key is there. */
  with(key: Value, value: Value): MapValue {
    const id = mapKey(key);
    if (this.#entries.has(id)) throw new Fault(`insert failed: key ${keyText(key)} already exists`);
    return new MapValue(new Map(this.#entries).set(id, [key, value]));
  }
}

/** What a struct literal makes: fields by name. */
export class ObjectValue extends CelMap {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Value>;

  constructor(name: string, fields: ReadonlyMap<string, Value>) {
    super();
    this.name = name;
    this.fields = fields;
  }
  override get typeName(): string {
    return this.name;
  }
  get size(): number {
    return this.fields.size;
  }
  get(key: Value): Value | undefined {
    return typeof key === "string" ? this.fields.get(key) : undefined;
  }
  keys(): Iterable<Value> {
    return this.fields.keys();
  }
}

/** A key in messages. */
export const keyText = (key: Value): string =>
  key instanceof Uint ? String(key.value) : typeof key === "object" ? typeNameOf(key) : String(key);

/** The CEL name of a value's type. */
export function typeNameOf(value: Value): string {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "string":
      return "string";
  }
  if (value === null) return "null_type";
  if (value instanceof CelList) return "list";
  if (value instanceof CelMap || value instanceof LibraryValue) return value.typeName;
  if (value instanceof Uint) return "uint";
  if (value instanceof Timestamp) return "google.protobuf.Timestamp";
  if (value instanceof Duration) return "google.protobuf.Duration";
  if (value instanceof Optional) return "optional_type";
  return value instanceof Uint8Array ? "bytes" : "type";
}

/** Length in characters, not in UTF-16 units. */
export function characters(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) count -= 1;
  }
  return count;
}

/** A size as the reckoning of costs sees it: 1 for what has none. */
export function costSize(value: Value | undefined): number {
  if (typeof value === "string") return characters(value);
  if (typeof value !== "object" || value === null) return 1;
  if (value instanceof CelList || value instanceof Uint8Array) return value.length;
  if (value instanceof CelMap) return value instanceof ObjectValue ? 1 : value.size;
  if (value instanceof Optional) return value.value === undefined ? 1 : costSize(value.value);
  return value instanceof LibraryValue ? value.costSize : 1;
}
