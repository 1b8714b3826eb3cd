import { ConnectionError } from "./client.ts";

const NEWLINE = 0x0a;

/**
 * The values of a stream of newline-delimited JSON, the framing of a watch. A stream that is cut ends the iteration like
 * one that ended: what was received whole has been yielded, a last incomplete line is dropped.
 */
export async function* jsonLines<T>(body: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  let pending: Uint8Array[] = [];
  try {
    for await (const chunk of body) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const tail = chunk.subarray(start, end);
        const line = pending.length === 0 ? text(tail) : text(Buffer.concat([...pending, tail]));
        pending = [];
        start = end + 1;
        if (line.trim() !== "") yield JSON.parse(line) as T;
      }
      if (start < chunk.length) pending.push(chunk.subarray(start));
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
  }
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
