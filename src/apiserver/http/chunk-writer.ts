import { WRITE_CHUNK_BYTES } from "./body.ts";

/** Joins many small pieces into chunks that are worth a write each, copying every byte once. */
export class ChunkWriter {
  readonly #done: Uint8Array[] = [];
  #chunk: Buffer = Buffer.allocUnsafeSlow(FIRST_CHUNK_BYTES);
  #used = 0;

  /** Adds ASCII text. */
  text(text: string): void {
    if (this.#used + text.length > this.#chunk.length) this.#next(text.length);
    this.#chunk.write(text, this.#used, "latin1");
    this.#used += text.length;
  }

  bytes(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#chunk.length) this.#next(bytes.length);
    this.#chunk.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  chunks(): readonly Uint8Array[] {
    if (this.#used > 0) this.#done.push(this.#chunk.subarray(0, this.#used));
    this.#used = 0;
    return this.#done;
  }

  #next(needed: number): void {
    if (this.#used > 0) this.#done.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(WRITE_CHUNK_BYTES, needed));
    this.#used = 0;
  }
}

/** Most lists are short. */
const FIRST_CHUNK_BYTES = 8 * 1024;
