import type { Random } from "../../../base/random.ts";
import { type Leaf, type MessageField, messageType, type ValueType } from "./message-type.ts";

/** Objects of every kind, made from the table of messages: in the form upstream writes, without nulls and empty lists. */
export class Samples {
  readonly #random: Random;
  /** How many of the optional fields are there. */
  readonly #density: number;

  constructor(random: Random, density: number) {
    this.#random = random;
    this.#density = density;
  }

  /** An object of a message, without apiVersion and kind. */
  object(name: string, depth = 0): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const field of messageType(name).fields) {
      if (field.inline) Object.assign(object, this.object((field.type as { message: string }).message, depth));
      else {
        const value = this.#field(field, depth);
        if (value !== undefined) object[field.name] = value;
      }
    }
    return object;
  }

  #field({ type, repetition, pointer, always }: MessageField, depth: number): unknown {
    const shown = repetition === "one" && !pointer && (always || isShown(type));
    // Deep inside only what has to be there, so that schemas come to an end.
    if (!shown && (depth > 6 || this.#random.next() > this.#density)) return undefined;
    if (repetition === "list") return Array.from({ length: this.#below(2) + 1 }, () => this.#value(type, depth + 1));
    if (repetition === "map") {
      const keys = Array.from({ length: this.#below(3) + 1 }, () => this.#pick(["a", "b/c", "ä", "7", "constructor"]));
      return Object.fromEntries([...new Set(keys)].sort().map((key) => [key, this.#value(type, depth + 1)]));
    }
    const value = this.#value(type, depth + 1);
    const isZero = value === "" || value === 0 || value === false;
    const keepsZero = pointer || always || (type.kind === "leaf" && type.leaf === "intOrString");
    return isZero && !keepsZero ? undefined : value;
  }

  #value(type: ValueType, depth: number): unknown {
    if (type.kind === "message") return this.object(type.message, depth);
    if (type.kind === "leaf") return this.#leaf(type.leaf);
    const choice = depth > 6 ? 1 : this.#below(2);
    if (type.other === "boolean") return choice === 0 ? this.object(type.message, depth) : this.#below(2) === 0;
    if (choice === 0) return this.object(type.message, depth);
    return type.other === "strings" ? ["a", ""] : [this.object(type.message, depth + 3)];
  }

  #leaf(leaf: Leaf): unknown {
    switch (leaf) {
      case "string":
        return this.#pick(["", "a", "nginx", "0123456789abcdef", "longer than sixteen characters", "zürich ☃", "😀"]);
      case "boolean":
        return this.#below(2) === 0;
      case "int32":
        return this.#pick([0, 1, -1, 127, 128, 16384, 2 ** 31 - 1, -(2 ** 31)]);
      case "int64":
        return this.#pick([0, 1, -1, 300, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1]);
      case "double":
        return this.#pick([0, 1.5, -2.25, 1e300]);
      case "bytes":
        return Buffer.from(this.#random.bytes(this.#below(20) + 1)).toString("base64");
      case "time":
        return this.#pick(["1970-01-01T00:00:00Z", "2026-01-02T03:04:05Z", "1969-12-31T23:59:59Z"]);
      case "microTime":
        return this.#pick([
          "1970-01-01T00:00:00.000001Z",
          "2026-01-02T03:04:05.123456Z",
          "1969-12-31T23:59:59.999999Z",
        ]);
      case "duration":
        return this.#pick(["0s", "1h15m30.5s", "-250ms"]);
      case "quantity":
        return this.#pick(["0", "100m", "1Gi", "1536Mi", "12e6", "5n", "-1"]);
      case "intOrString":
        return this.#pick<unknown>([0, 80, -1, "", "http", "25%"]);
      case "json":
        return this.#pick<unknown>([{ a: [1, null] }, "x", 5, false, [1, 2]]);
      case "rawExtension":
        return { apiVersion: "example.com/v1", kind: "Any", list: [1, "b", null, { c: 1.5 }] };
      case "strings":
        return ["a", ""];
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }
  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)]!;
  }
}

/** Structs, quantities and ports are written whether they are empty or not. */
function isShown(type: ValueType): boolean {
  if (type.kind !== "leaf") return type.kind === "message";
  return type.leaf === "quantity" || type.leaf === "intOrString" || type.leaf === "duration";
}
