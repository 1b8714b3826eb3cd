import type { Readable, Writable } from "node:stream";
import { requestEntityTooLarge } from "../../api/status-error.ts";
import type { BodyChunks, RequestBody } from "./exchange.ts";

/** Pieces of a reply are joined up to this many bytes per write: the cost is per write, not per byte. */
export const WRITE_CHUNK_BYTES = 256 * 1024;

const tooLarge = (limit: number) => requestEntityTooLarge(`Request entity too large: limit is ${limit}`);

/** A request body over a stream of chunks. `declared` is the content-length, where there was one. */
export function streamedBody(chunks: Readable, declared: string | undefined): RequestBody {
  return {
    stream: () => chunks,
    read(limit) {
      if (declared !== undefined && Number(declared) > limit) return Promise.reject(tooLarge(limit));
      return new Promise((resolve, reject) => {
        const parts: Uint8Array[] = [];
        let length = 0;
        const settle = (act: () => void) => {
          chunks.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
          act();
        };
        const onData = (chunk: Uint8Array) => {
          length += chunk.length;
          parts.push(chunk);
          // The stream is left alive: the refusal goes out on it.
          if (length > limit) settle(() => reject(tooLarge(limit)));
        };
        const onEnd = () => settle(() => resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts, length)));
        const onError = (error: Error) => settle(() => reject(error));
        const onClose = () => settle(() => reject(new DOMException("the client has gone away", "AbortError")));
        if (chunks.readableEnded) return onEnd();
        chunks.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
      });
    },
  };
}

/** A request body that is already in memory. */
export function bufferedBody(bytes: Uint8Array): RequestBody {
  return {
    async *stream() {
      if (bytes.length > 0) yield bytes;
    },
    async read(limit) {
      if (bytes.length > limit) throw tooLarge(limit);
      return bytes;
    },
  };
}

/** The length of a body that is not a stream; undefined where that is not known beforehand. */
export function bodyLength(body: Uint8Array | readonly Uint8Array[]): number;
export function bodyLength(body: Uint8Array | readonly Uint8Array[] | BodyChunks): number | undefined;
export function bodyLength(body: Uint8Array | readonly Uint8Array[] | BodyChunks): number | undefined {
  if (!Array.isArray(body)) return body.length;
  let length = 0;
  for (const piece of body) length += piece.length;
  return length;
}

/** A body that is in one piece and worth no more than one write. */
export function smallBody(body: Uint8Array | readonly Uint8Array[]): Uint8Array | undefined {
  return body instanceof Uint8Array && body.length <= WRITE_CHUNK_BYTES ? body : undefined;
}

/** Joins small pieces into chunks of about WRITE_CHUNK_BYTES; big pieces are passed on as they are. */
export function* writeChunks(body: Uint8Array | readonly Uint8Array[]): Generator<Uint8Array> {
  if (body instanceof Uint8Array) {
    for (let at = 0; at < body.length; at += WRITE_CHUNK_BYTES) yield body.subarray(at, at + WRITE_CHUNK_BYTES);
    return;
  }
  let start = 0;
  let length = 0;
  for (let index = 0; index < body.length; index++) {
    const piece = body[index]!;
    if (length > 0 && length + piece.length > WRITE_CHUNK_BYTES) {
      yield join(body.slice(start, index), length);
      start = index;
      length = 0;
    }
    length += piece.length;
  }
  if (length > 0) yield join(body.slice(start), length);
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
}

/** The whole body as one array of bytes. */
export function wholeBody(body: Uint8Array | readonly Uint8Array[]): Uint8Array {
  return body instanceof Uint8Array ? body : join(body, bodyLength(body));
}

/** The whole of a body that is made while it is gone through. */
export async function collected(body: BodyChunks): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** Writes a body as it is made, a chunk when the one before is through. Ends early where the stream is closed. */
export async function writeProduced(stream: Writable, body: BodyChunks): Promise<void> {
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  for await (const chunk of body) {
    if (stream.destroyed) return;
    await Promise.race([closed, new Promise<void>((resolve) => stream.write(chunk, () => resolve()))]);
  }
  stream.end();
}
