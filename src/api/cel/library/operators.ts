/** The operators and what only macros call. Arithmetic is exact and fails where 64 bits are not enough. */
import { compare, equal } from "../compare.ts";
import type { Library } from "../functions.ts";
import { CelList, CelMap, Duration, Fault, keyText, type MapValue, Timestamp, Uint, type Value } from "../values.ts";

const int = (value: bigint): bigint => {
  if (BigInt.asIntN(64, value) !== value) throw new Fault("integer overflow");
  return value;
};
const uint = (value: bigint): Uint => {
  if (BigInt.asUintN(64, value) !== value) throw new Fault("unsigned integer overflow");
  return new Uint(value);
};
const nonZero = (value: bigint, message: string): bigint => {
  if (value === 0n) throw new Fault(message);
  return value;
};

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

const ORDERED = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];
const NUMERIC = ["int", "uint", "double"];
const ORDER_IDS: Readonly<Record<string, string>> = { string: "string", bytes: "bytes" };
const RELATIONS: Readonly<Record<string, readonly [id: string, holds: (order: number) => boolean]>> = {
  "_<_": ["less", (order) => order < 0],
  "_<=_": ["less_equals", (order) => order <= 0],
  "_>_": ["greater", (order) => order > 0],
  "_>=_": ["greater_equals", (order) => order >= 0],
};

/** Each relation over each ordered type, and over unlike numbers. */
function relations(): Library {
  const library: Record<string, Library[string]> = {};
  for (const [name, [id, holds]] of Object.entries(RELATIONS)) {
    const call = (a: Value, b: Value): boolean => holds(compare(a, b));
    for (const a of ORDERED) {
      library[`${id}_${ORDER_IDS[a] ?? a} | ${name}(${a}, ${a}): bool`] = call;
    }
    for (const a of NUMERIC) {
      for (const b of NUMERIC) if (a !== b) library[`${id}_${a}_${b} | ${name}(${a}, ${b}): bool`] = call;
    }
  }
  return library;
}

function indexList(list: CelList, index: Value): Value {
  const plain = index instanceof Uint ? index.value : index;
  if (typeof plain !== "bigint" && !(typeof plain === "number" && Number.isInteger(plain))) {
    throw new Fault(`unsupported index type '${keyText(index)}' in list`);
  }
  const position = Number(plain);
  if (position < 0 || position >= list.length) throw new Fault(`index out of bounds: ${position}`);
  return list.at(position);
}

function indexMap(map: CelMap, key: Value): Value {
  const value = map.get(key);
  if (value === undefined) throw new Fault(`no such key: ${keyText(key)}`);
  return value;
}

/** `a[b]` whatever `a` is. */
export function indexValue(container: Value, key: Value): Value {
  if (container instanceof CelMap) return indexMap(container, key);
  if (container instanceof CelList) return indexList(container, key);
  throw new Fault("no such overload");
}

function inList(item: Value, list: CelList): boolean {
  for (const other of list) if (equal(item, other)) return true;
  return false;
}

export const operators: Library = {
  ...relations(),
  "logical_and | _&&_(bool, bool): bool": (a: boolean, b: boolean) => a && b,
  "logical_or | _||_(bool, bool): bool": (a: boolean, b: boolean) => a || b,
  "logical_not | !_(bool): bool": (a: boolean) => !a,
  "conditional | _?_:_(bool, A, A): A": (condition: boolean, a: Value, b: Value) => (condition ? a : b),
  "not_strictly_false | @not_strictly_false(bool): bool": (a: boolean) => a,
  "equals | _==_(A, A): bool": equal,
  "not_equals | _!=_(A, A): bool": (a: Value, b: Value) => !equal(a, b),
  "add_bytes | _+_(bytes, bytes): bytes": concatBytes,
  "_+_(double, double): double": (a: number, b: number) => a + b,
  "_+_(duration, duration): duration": (a: Duration, b: Duration) => new Duration(a.nanos + b.nanos),
  "_+_(duration, timestamp): timestamp": (a: Duration, b: Timestamp) => new Timestamp(a.nanos + b.nanos),
  "_+_(timestamp, duration): timestamp": (a: Timestamp, b: Duration) => new Timestamp(a.nanos + b.nanos),
  "_+_(int, int): int": (a: bigint, b: bigint) => int(a + b),
  "add_list | _+_(list(A), list(A)): list(A)": (a: CelList, b: CelList) => a.concat(b),
  "add_string | _+_(string, string): string": (a: string, b: string) => a + b,
  "_+_(uint, uint): uint": (a: Uint, b: Uint) => uint(a.value + b.value),
  "_-_(double, double): double": (a: number, b: number) => a - b,
  "_-_(duration, duration): duration": (a: Duration, b: Duration) => new Duration(a.nanos - b.nanos),
  "_-_(int, int): int": (a: bigint, b: bigint) => int(a - b),
  "_-_(timestamp, duration): timestamp": (a: Timestamp, b: Duration) => new Timestamp(a.nanos - b.nanos),
  "_-_(timestamp, timestamp): duration": (a: Timestamp, b: Timestamp) => new Duration(a.nanos - b.nanos),
  "_-_(uint, uint): uint": (a: Uint, b: Uint) => uint(a.value - b.value),
  "_*_(double, double): double": (a: number, b: number) => a * b,
  "_*_(int, int): int": (a: bigint, b: bigint) => int(a * b),
  "_*_(uint, uint): uint": (a: Uint, b: Uint) => uint(a.value * b.value),
  "_/_(double, double): double": (a: number, b: number) => a / b,
  "_/_(int, int): int": (a: bigint, b: bigint) => int(a / nonZero(b, "division by zero")),
  "_/_(uint, uint): uint": (a: Uint, b: Uint) => uint(a.value / nonZero(b.value, "division by zero")),
  "_%_(int, int): int": (a: bigint, b: bigint) => int(a % nonZero(b, "modulus by zero")),
  "_%_(uint, uint): uint": (a: Uint, b: Uint) => uint(a.value % nonZero(b.value, "modulus by zero")),
  "-_(double): double": (a: number) => -a,
  "-_(duration): duration": (a: Duration) => new Duration(-a.nanos),
  "-_(int): int": (a: bigint) => int(-a),
  "in_list | @in(A, list(A)): bool": inList,
  "in_map | @in(A, map(A, B)): bool": (key: Value, map: CelMap) => map.get(key) !== undefined,
  "index_list | _[_](list(A), int): A": indexList,
  "index_map | _[_](map(A, B), A): B": indexMap,
  "cel.@mapInsert(map(A, B), A, B): map(A, B)": (map: MapValue, key: Value, value: Value) => map.with(key, value),
  "cel.@mapInsert(map(A, B), map(A, B)): map(A, B)": (map: MapValue, entries: CelMap) => {
    let all = map;
    for (const key of entries.keys()) all = all.with(key, entries.get(key)!);
    return all;
  },
};
