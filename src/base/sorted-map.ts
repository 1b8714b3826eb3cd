/**
 * A map whose keys are kept in UTF-8 byte order, with range scans and counting: a B-tree of two levels. Leaves hold up
 * to LEAF keys in parallel arrays; the list of leaves is the one inner node. A lookup is two binary searches, an insertion
 * moves at most one leaf's worth of pointers, counting a range adds up the sizes of the leaves between its ends.
 */
export class SortedMap<V> {
  private leaves: Leaf<V>[] = [];
  private total = 0;
  /** Whether no key has units of HIGH_UNITS: then plain comparison is right for all, also for one that has. */
  private plain = true;

  get size(): number {
    return this.total;
  }

  get(key: string): V | undefined {
    const leaf = this.leaves[this.leafOf(key)];
    if (!leaf) return undefined;
    const at = this.lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? leaf.values[at] : undefined;
  }

  /** Sets `key` and returns the value that it had. */
  set(key: string, value: V): V | undefined {
    if (this.leaves.length === 0) this.leaves.push({ keys: [], values: [] });
    const index = Math.min(this.leafOf(key), this.leaves.length - 1);
    const leaf = this.leaves[index]!;
    const at = this.lowerBound(leaf.keys, key);
    if (leaf.keys[at] === key) {
      const old = leaf.values[at];
      leaf.values[at] = value;
      return old;
    }
    if (this.plain) this.plain = !HIGH_UNITS.test(key);
    leaf.keys.splice(at, 0, key);
    leaf.values.splice(at, 0, value);
    this.total++;
    if (leaf.keys.length > LEAF) {
      // A leaf that grows at its end is being loaded in order: leave it nearly full.
      const middle = at === leaf.keys.length - 1 ? leaf.keys.length - 1 : leaf.keys.length >> 1;
      this.leaves.splice(index + 1, 0, { keys: leaf.keys.splice(middle), values: leaf.values.splice(middle) });
    }
    return undefined;
  }

  /** Removes `key` and returns the value that it had. */
  delete(key: string): V | undefined {
    const index = this.leafOf(key);
    const leaf = this.leaves[index];
    if (!leaf) return undefined;
    const at = this.lowerBound(leaf.keys, key);
    if (leaf.keys[at] !== key) return undefined;
    const old = leaf.values[at];
    leaf.keys.splice(at, 1);
    leaf.values.splice(at, 1);
    this.total--;
    if (leaf.keys.length === 0) this.leaves.splice(index, 1);
    return old;
  }

  clear(): void {
    this.leaves = [];
    this.total = 0;
  }

  /**
   * Calls `visit` for the keys from `from` (inclusive) to `to` (exclusive; absent: to the end) in order, until it returns
   * false. The map must not be changed meanwhile.
   */
  scan(from: string, to: string | undefined, visit: (value: V, key: string) => boolean | undefined): void {
    for (let index = this.leafOf(from), first = true; index < this.leaves.length; index++, first = false) {
      const { keys, values } = this.leaves[index]!;
      const last = keys[keys.length - 1]!;
      const end = to === undefined || compareBytes(last, to) < 0 ? keys.length : this.lowerBound(keys, to);
      for (let at = first ? this.lowerBound(keys, from) : 0; at < end; at++) {
        if (visit(values[at]!, keys[at]!) === false) return;
      }
      if (end < keys.length) return;
    }
  }

  /** How many keys lie from `from` (inclusive) to `to` (exclusive; absent: to the end). */
  count(from: string, to: string | undefined): number {
    return Math.max(0, (to === undefined ? this.total : this.rank(to)) - this.rank(from));
  }

  /** How many keys lie before `key`. */
  private rank(key: string): number {
    const index = this.leafOf(key);
    let sum = 0;
    for (let before = 0; before < index; before++) sum += this.leaves[before]!.keys.length;
    const leaf = this.leaves[index];
    return leaf ? sum + this.lowerBound(leaf.keys, key) : sum;
  }

  /** The first leaf whose last key is not before `key`; the number of leaves where there is none. */
  private leafOf(key: string): number {
    const before = this.orderOf(key);
    let low = 0;
    let high = this.leaves.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { keys } = this.leaves[middle]!;
      if (before(keys[keys.length - 1]!, key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first index whose key is not before `key`. */
  private lowerBound(keys: readonly string[], key: string): number {
    const before = this.orderOf(key);
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(keys[middle]!, key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private orderOf(key: string): (a: string, b: string) => boolean {
    return this.plain || !HIGH_UNITS.test(key) ? plainBefore : bytesBefore;
  }
}

interface Leaf<V> {
  keys: string[];
  values: V[];
}

const LEAF = 256;

/** JavaScript compares UTF-16 units; that differs from byte order only where both units that differ are of this class. */
const HIGH_UNITS = /[\ud800-\uffff]/;
const plainBefore = (a: string, b: string) => a < b;
const bytesBefore = (a: string, b: string) => compareBytes(a, b) < 0;

/** Compares two strings by their UTF-8 bytes: negative, 0 or positive. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  if (!HIGH_UNITS.test(a) || !HIGH_UNITS.test(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The end of the range of all strings that start with `prefix`; undefined where nothing lies behind it. */
export function prefixEnd(prefix: string): string | undefined {
  const unit = prefix.charCodeAt(prefix.length - 1);
  if (unit < 0xd7ff) return prefix.slice(0, -1) + String.fromCharCode(unit + 1);
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}
