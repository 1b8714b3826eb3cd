import type { ClientHttp2Stream } from "node:http2";
import type { ConnectionError } from "./client.ts";

export type AnswerStream = Pick<
  ClientHttp2Stream,
  "on" | "read" | "readableEnded" | "destroyed" | "closed" | "close" | "rstCode"
>;

/**
 * The body of an answer. Listens from the event on that brought the head, since Node discards what nobody waits for when
 * the stream ends. The stream's own iterator is of no use here: it takes a stream that the server has closed for one that
 * was broken off, even while the last of its data waits to be read, which is how short answers arrive on a busy machine.
 */
export function streamBody(
  stream: AnswerStream,
  signal: AbortSignal | undefined,
  lost: () => ConnectionError,
  cancelCode: number,
  heard: () => void,
): AsyncGenerator<Uint8Array> {
  let wake: () => void = () => {};
  for (const event of ["readable", "end", "close"]) stream.on(event, () => wake());
  const change = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  return readStream({ stream, change, signal, lost, cancelCode, heard });
}

async function* readStream(reading: {
  stream: AnswerStream;
  /** Resolves when there may be more to read, or the end. */
  change(): Promise<void>;
  signal: AbortSignal | undefined;
  lost: () => ConnectionError;
  cancelCode: number;
  heard: () => void;
}): AsyncGenerator<Uint8Array> {
  const { stream, change, signal, lost, cancelCode, heard } = reading;
  let ended = false;
  try {
    for (;;) {
      const chunk: Uint8Array | null = stream.destroyed ? null : stream.read();
      if (chunk) {
        heard();
        yield chunk;
      } else if (stream.readableEnded || stream.destroyed) break;
      else await change();
    }
    ended = stream.readableEnded;
  } finally {
    if (!ended && !stream.closed) stream.close(cancelCode);
  }
  signal?.throwIfAborted();
  // A stream that was reset may end like one that was finished, so the reason has to be asked for.
  if (!ended || stream.rstCode !== 0) throw lost();
}
