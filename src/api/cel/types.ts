/**
 * The types of the checker, after cel-go's: a kind, a name, parameters. Declared types (from schemas) carry in addition
 * what the cost estimate needs; a struct is known by its name.
 */
export type Kind =
  | "dyn"
  | "error"
  | "null"
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "timestamp"
  | "duration"
  | "list"
  | "map"
  | "struct"
  | "opaque"
  | "type"
  | "param";

export interface CType {
  readonly kind: Kind;
  readonly name: string;
  readonly params: readonly CType[];
  /** Of a struct: its field by the name that expressions use. */
  readonly field?: (name: string) => CType | undefined;
  /** Of a declared type: the most elements a value can have, as upstream reckons; 0 where it has none. */
  readonly maxElements?: number;
  /** Of a declared type: the least bytes of a value as JSON. */
  readonly minSize?: number;
}

const simple = (kind: Kind, name: string = kind): CType => ({ kind, name, params: [] });
export const DYN = simple("dyn");
export const ERROR = simple("error", "!error!");
export const NULL = simple("null", "null_type");
export const BOOL = simple("bool");
export const INT = simple("int");
export const UINT = simple("uint");
export const DOUBLE = simple("double");
export const STRING = simple("string");
export const BYTES = simple("bytes");
export const TIMESTAMP = simple("timestamp");
export const DURATION = simple("duration");
export const TYPE = simple("type");

export const listOf = (item: CType): CType => ({ kind: "list", name: "list", params: [item] });
export const mapOf = (key: CType, value: CType): CType => ({ kind: "map", name: "map", params: [key, value] });
export const optionalOf = (type: CType): CType => ({ kind: "opaque", name: "optional_type", params: [type] });
export const typeOf = (type: CType): CType => ({ kind: "type", name: "type", params: [type] });
export const param = (name: string): CType => ({ kind: "param", name, params: [] });
/** A type of a library, such as `kubernetes.Quantity`. */
export const libraryType = (name: string): CType => ({ kind: "opaque", name, params: [] });

export const isDyn = (type: CType): boolean => type.kind === "dyn";
export const isDynOrError = (type: CType): boolean => type.kind === "dyn" || type.kind === "error";
export const isOptional = (type: CType): boolean => type.kind === "opaque" && type.name === "optional_type";
export const unwrapOptional = (type: CType): CType => (isOptional(type) ? type.params[0]! : type);

/** A type as cel-go prints it. */
export function typeName(type: CType): string {
  if (type.params.length === 0) return FULL_NAMES[type.kind] ?? type.name;
  return `${type.name}(${type.params.map(typeName).join(", ")})`;
}
const FULL_NAMES: Partial<Record<Kind, string>> = {
  null: "null_type",
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
};
/** As in the checker's messages, where null is `null`. */
export function messageTypeName(type: CType): string {
  if (type.kind === "null") return "null";
  if (type.params.length === 0) return type.name;
  return `${type.name}(${type.params.map(messageTypeName).join(", ")})`;
}

export function sameType(a: CType, b: CType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((item, index) => sameType(item, b.params[index]!));
}

/**
 * What is known about type parameters, found by unification as in cel-go: a parameter takes the first type it meets
 * and becomes more general where it must.
 */
export class Substitutions {
  #found = new Map<string, CType>();
  #count = 0;

  fresh(): CType {
    this.#count += 1;
    return param(`_var${this.#count - 1}`);
  }

  /** Whether values of one type may stand for the other; what was learned on the way is kept only then. */
  assignable(actual: CType, wanted: CType): boolean {
    return this.assignableAll([actual], [wanted]);
  }

  assignableAll(actual: readonly CType[], wanted: readonly CType[]): boolean {
    const before = new Map(this.#found);
    if (actual.length === wanted.length && actual.every((type, index) => this.#assign(type, wanted[index]!)))
      return true;
    this.#found = before;
    return false;
  }

  /** The type with its parameters replaced; unbound ones stay, or become dyn. */
  apply(type: CType, unboundAsDyn: boolean): CType {
    if (type.kind === "param") {
      const found = this.#found.get(type.name);
      if (found) return this.apply(found, unboundAsDyn);
      return unboundAsDyn ? DYN : type;
    }
    if (type.params.length === 0) return type;
    const params = type.params.map((item) => this.apply(item, unboundAsDyn));
    return params.every((item, index) => item === type.params[index]) ? type : { ...type, params };
  }

  #assign(a: CType, b: CType): boolean {
    if (b.kind === "param") {
      const [fits, known] = this.#bind(a, b);
      if (fits) return true;
      if (known) return false;
    }
    if (a.kind === "param") return this.#bind(b, a)[0];
    if (isDynOrError(a) || isDynOrError(b)) return true;
    if (a.kind === "null") return nullable(b);
    if (b.kind === "null") return nullable(a);
    switch (a.kind) {
      case "type":
        return b.kind === "type";
      case "opaque":
      case "list":
      case "map":
        return (
          a.kind === b.kind &&
          a.name === b.name &&
          a.params.length === b.params.length &&
          a.params.every((item, index) => this.#assign(item, b.params[index]!))
        );
      default:
        return a.kind === b.kind && a.name === b.name;
    }
  }

  /** Whether `type` can stand for the parameter, and whether the parameter was bound before. */
  #bind(type: CType, parameter: CType): [fits: boolean, known: boolean] {
    if (type.kind === "param" && type.name === parameter.name) return [true, true];
    const found = this.#found.get(parameter.name);
    if (found) {
      if (sameType(type, found)) return [true, true];
      if (!this.#assign(type, found)) return [false, true];
      const general = mostGeneral(type, found);
      if (!this.#occurs(parameter, general)) this.#found.set(parameter.name, general);
      return [true, true];
    }
    if (this.#occurs(parameter, type)) return [false, false];
    this.#found.set(parameter.name, type);
    return [true, false];
  }

  #occurs(parameter: CType, within: CType): boolean {
    if (within.kind === "param") {
      if (within.name === parameter.name) return true;
      const found = this.#found.get(within.name);
      return found !== undefined && this.#occurs(parameter, found);
    }
    return within.params.some((item) => this.#occurs(parameter, item));
  }
}

const nullable = (type: CType): boolean =>
  ["null", "opaque", "struct", "duration", "timestamp", "dyn"].includes(type.kind);

/** The more general one of two types that unify. */
export const mostGeneral = (a: CType, b: CType): CType => (lessSpecific(a, b) ? a : b);

function lessSpecific(a: CType, b: CType): boolean {
  if (isDyn(a) || a.kind === "param") return true;
  if (isDyn(b) || b.kind === "param") return false;
  if (a.kind !== b.kind) return false;
  if (a.kind === "type") return true;
  return (
    a.name === b.name &&
    a.params.length === b.params.length &&
    a.params.every((item, index) => lessSpecific(item, b.params[index]!))
  );
}
