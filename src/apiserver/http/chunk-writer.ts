import { WRITE_CHUNK_BYTES } from "./body.ts";

/** Most lists are short. */
const FIRST_BYTES = 8 * 1024;
/** Beyond this the buffer is made for the chunks of a long list. */
const LARGE_BYTES = 64 * 1024;

/** Joins many small pieces into chunks that are worth a write each, copying every byte once. */
export class ChunkWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;

  /** How much was written since the last `take`. */
  get length(): number {
    return this.#used;
  }

  /** Whether what was written is worth a write. */
  get full(): boolean {
    return this.#used >= WRITE_CHUNK_BYTES;
  }

  /** Adds ASCII text. */
  ascii(text: string): void {
    this.reserve(text.length);
    this.#buffer.write(text, this.#used, "latin1");
    this.#used += text.length;
  }

  /** Adds any text. */
  text(text: string): void {
    this.reserve(text.length * 3);
    this.#used += this.#buffer.write(text, this.#used);
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Makes room for so many bytes at once. */
  reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(
      needed > LARGE_BYTES ? needed + WRITE_CHUNK_BYTES : Math.max(needed, this.#buffer.length * 2),
    );
    larger.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = larger;
  }

  /** What was written. Its bytes are valid until something is written again. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    return taken;
  }
}
