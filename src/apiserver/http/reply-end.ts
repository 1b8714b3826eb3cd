import { type ApiRequest, type BodyChunks, isChunks, isStream, type Reply } from "./exchange.ts";

/**
 * The reply with `ended` called once when it has been sent, broken off, or nobody waits for it any more. Called at once
 * where the reply is no stream and takes over no connection: then there is nothing left to wait for.
 */
export function whenEnded(request: ApiRequest, reply: Reply, ended: () => void): Reply {
  let done = false;
  const end = () => {
    if (done) return;
    done = true;
    ended();
  };
  const { body, upgrade } = reply;
  if (upgrade) {
    return {
      ...reply,
      upgrade(connection, head) {
        connection.once("close", end);
        upgrade(connection, head);
      },
    };
  }
  const goesOn = body !== undefined && (isStream(body) || isChunks(body));
  if (!goesOn || request.method === "HEAD") {
    end();
    return reply;
  }
  // A client that leaves before the first byte never starts the stream.
  request.signal.addEventListener("abort", end, { once: true });
  if (request.signal.aborted) end();
  if (isChunks(body)) return { ...reply, body: observed(body, end) };
  return {
    ...reply,
    body: {
      start(sink) {
        sink.onClose(end);
        body.start(sink);
      },
    },
  };
}

/** The body with `ended` called when it has been gone through, or given up: with how much of it was taken, in bytes. */
export function observed(body: BodyChunks, ended: (bytes: number) => void): BodyChunks {
  return {
    length: body.length,
    async *[Symbol.asyncIterator]() {
      let bytes = 0;
      try {
        for await (const chunk of body) {
          bytes += chunk.length;
          yield chunk;
        }
      } finally {
        ended(bytes);
      }
    },
  };
}
