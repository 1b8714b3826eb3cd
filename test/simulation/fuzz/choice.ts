import type { Random } from "../../../src/base/random.ts";

/** Texts that have been trouble somewhere: in encodings, paths, selectors, numbers, JavaScript's own objects. */
const AWKWARD_TEXTS = [
  "",
  " ",
  ".",
  "..",
  "/",
  "a/b",
  "%",
  "%2f",
  "\0",
  "\n",
  "\r\n",
  "\u007f",
  "é",
  "☃",
  "😀",
  "\ud800",
  "\ufeff",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "null",
  "true",
  "0",
  "-1",
  "1e400",
  "9223372036854775808",
  "NaN",
  "0x10",
  "1.5Gi",
  "-0",
  "10.0.0.1",
  "::1",
  "2026-01-02T03:04:05Z",
  "9999-99-99T99:99:99Z",
  "*",
  "a=b,c!=d",
  "metadata.name=x",
  "system:masters",
  "kubernetes.io/x",
  "a".repeat(64),
  "a.".repeat(130),
  "x".repeat(5000),
  "(((((((((",
  "[[[[",
  '"',
  "'",
  "\\",
  "$(X)",
  "{{.}}",
];

const AWKWARD_NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  3,
  80,
  443,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  0.5,
  1e21,
  1.7e308,
];

/** All that the fuzzer decides, drawn from one seed. */
export class Choice {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  below(limit: number): number {
    return Math.floor(this.random.next() * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** One of the keys, each as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let at = this.random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      at -= weight;
      if (at < 0) return key;
    }
    return entries.at(-1)![0];
  }

  /** A name that is valid, from so few that they meet again. */
  name(): string {
    return this.chance(0.9)
      ? this.pick(["a", "b", "web"])
      : this.pick(["x.example.com", "default", "kube-root-ca.crt"]);
  }

  text(): string {
    if (this.chance(0.3)) return this.name();
    return this.chance(0.9) ? this.pick(AWKWARD_TEXTS) : this.#noise();
  }

  number(): number {
    return this.chance(0.8) ? this.pick(AWKWARD_NUMBERS) : this.below(1000);
  }

  /** Any JSON. */
  value(depth = 0): unknown {
    switch (this.below(depth > 4 ? 4 : 6)) {
      case 0:
        return this.text();
      case 1:
        return this.number();
      case 2:
        return this.chance(0.5);
      case 3:
        return null;
      case 4:
        return Array.from({ length: this.below(4) }, () => this.value(depth + 1));
      default:
        return Object.fromEntries(
          Array.from({ length: this.below(4) }, () => [this.text().slice(0, 100), this.value(depth + 1)]),
        );
    }
  }

  bytes(length: number): Buffer {
    return Buffer.from(this.random.bytes(length));
  }

  #noise(): string {
    return Array.from({ length: 1 + this.below(40) }, () => String.fromCharCode(this.below(0x250))).join("");
  }
}
