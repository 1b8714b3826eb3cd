/** What a writer begins with; enough for nearly all objects. */
const INITIAL_SIZE = 64 * 1024;
/** A buffer that grew beyond this is not kept. */
const LARGEST_KEPT = 1024 * 1024;
/** Up to here writing a string's characters one by one is faster than a call into Node. */
const SHORT_STRING = 24;

/**
 * Writes protobuf's wire format backwards: what comes last is written first. So the length of a message is known when
 * it has to be written, and nothing is measured beforehand or moved afterwards. Values come before their tags:
 *
 *   writer.string("nginx"); writer.tag(1 << 3 | 2);    → 0a 05 6e 67 69 6e 78
 */
export class WireWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_SIZE);
  /** Where the written bytes begin; they go on to the end of the buffer. */
  #at: number = INITIAL_SIZE;

  /** How many bytes were written since the last `take`. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array {
    const taken = Buffer.from(this.#buffer.subarray(this.#at));
    this.reset();
    return taken;
  }

  reset(): void {
    if (this.#buffer.length > LARGEST_KEPT) this.#buffer = Buffer.allocUnsafeSlow(INITIAL_SIZE);
    this.#at = this.#buffer.length;
  }

  /** A field's number and wire type, or any other small number. */
  tag(value: number): void {
    if (value < 0x80) this.byte(value);
    else this.uint32(value);
  }

  byte(value: number): void {
    if (this.#at === 0) this.#grow(1);
    this.#buffer[--this.#at] = value;
  }

  /** An unsigned number below 2^32: lengths, and most numbers. */
  uint32(value: number): void {
    const size = value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    if (this.#at < size) this.#grow(size);
    this.#at -= size;
    const buffer = this.#buffer;
    let at = this.#at;
    for (; value > 0x7f; value >>>= 7) buffer[at++] = (value & 0x7f) | 0x80;
    buffer[at] = value;
  }

  /** Negative numbers take ten bytes, as upstream's. */
  int64(value: number): void {
    if (value >= 0 && value < 2 ** 32) this.uint32(value);
    else this.exactInt64(BigInt(value));
  }

  exactInt64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    const bytes: number[] = [];
    do {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    } while (rest > 0n);
    bytes[bytes.length - 1]! &= 0x7f;
    for (let index = bytes.length - 1; index >= 0; index--) this.byte(bytes[index]!);
  }

  double(value: number): void {
    if (this.#at < 8) this.#grow(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  fixed32BigEndian(value: number): void {
    if (this.#at < 4) this.#grow(4);
    this.#at -= 4;
    this.#buffer.writeUInt32BE(value, this.#at);
  }

  /** With its length before it. */
  string(text: string): void {
    this.uint32(this.#text(text));
  }

  /** The bytes that base64 stands for, with their length before them. */
  base64(text: string): void {
    const bytes = Buffer.from(text, "base64");
    this.bytes(bytes);
    this.uint32(bytes.length);
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void {
    if (this.#at < bytes.length) this.#grow(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  /** Returns how many bytes it took. Throws a TypeError for what is no string: a stored object may hold anything. */
  #text(text: string): number {
    if (typeof text !== "string") throw new TypeError(`${typeof text} in place of a string`);
    const { length } = text;
    if (length <= SHORT_STRING) {
      if (this.#at < length) this.#grow(length);
      const start = this.#at - length;
      const buffer = this.#buffer;
      let index = 0;
      for (; index < length; index++) {
        const code = text.charCodeAt(index);
        if (code >= 0x80) break;
        buffer[start + index] = code;
      }
      if (index === length) {
        this.#at = start;
        return length;
      }
    }
    const size = Buffer.byteLength(text);
    if (this.#at < size) this.#grow(size);
    this.#at -= size;
    this.#buffer.write(text, this.#at, size, "utf8");
    return size;
  }

  /** Makes room for at least `size` more bytes in front. */
  #grow(size: number): void {
    const { length } = this;
    let capacity = this.#buffer.length * 2;
    while (capacity < length + size) capacity *= 2;
    const larger = Buffer.allocUnsafeSlow(capacity);
    larger.set(this.#buffer.subarray(this.#at), capacity - length);
    this.#buffer = larger;
    this.#at = capacity - length;
  }
}
