import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Clock, Timer } from "../base/clock.ts";
import type { Network } from "../base/network.ts";
import { ConnectionError } from "./client.ts";
import { plainHeaders } from "./http1-sender.ts";
import { streamBody } from "./http2-body.ts";
import type { TransportRequest, TransportResponse } from "./transport.ts";

/** The server did not take the request at all: it can be sent again, whatever it is. */
export class RefusedStreamError extends ConnectionError {}

export interface Http2Connection {
  /** Whether another stream may be opened. */
  readonly hasRoom: boolean;
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

/** Streams per connection until the server has told its limit, and at most: Go's servers default to 250. */
const STREAMS_AT_FIRST = 100;
const STREAMS_AT_MOST = 1000;
/** With open streams, a connection that stays silent is pinged, and given up when no answer comes; client-go's figures. */
const PING_AFTER_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;
/** Lists are large: HTTP/2's 64 KB windows would cost a round trip for each. */
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 1 << 24;

export function http2Connection(options: {
  network: Network;
  clock: Clock;
  url: URL;
  socket: TLSSocket;
  onClose(): void;
}): Http2Connection {
  const { network, clock, url, socket } = options;
  const { constants } = network.http2;
  const session: ClientHttp2Session = network.http2.connect(url.origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
  });
  let limit = STREAMS_AT_FIRST;
  let open = 0;
  let retired = false;
  let failure: Error | undefined;
  let pinging: Timer | undefined;
  let heardAt = clock.monotonic();

  const retire = () => {
    retired = true;
    if (open === 0) session.close();
  };
  session.once("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW));
  session.on("remoteSettings", (settings) => {
    limit = Math.min(settings.maxConcurrentStreams ?? STREAMS_AT_MOST, STREAMS_AT_MOST);
  });
  session.on("error", (error) => {
    failure = error;
  });
  session.on("goaway", retire);
  session.once("close", () => {
    retired = true;
    pinging?.cancel();
    options.onClose();
  });

  // Pings only while somebody waits for something: an idle connection costs nothing.
  const watchSilence = () => {
    pinging ??= clock.after(PING_AFTER_MS, () => {
      pinging = undefined;
      if (open === 0 || session.destroyed) return;
      if (clock.monotonic() - heardAt < PING_AFTER_MS) return watchSilence();
      pinging = clock.after(PING_TIMEOUT_MS, () => {
        session.destroy(new Error(`no answer to a ping within ${PING_TIMEOUT_MS} ms`));
      });
      session.ping(() => {
        heardAt = clock.monotonic();
        pinging?.cancel();
        pinging = undefined;
        if (open > 0 && !session.destroyed) watchSilence();
      });
    });
  };
  const lost = (error: Error | undefined): ConnectionError => {
    const reason = error?.message ?? failure?.message ?? "the connection was closed";
    return new ConnectionError(`lost the connection to ${url.host}: ${reason}`, { cause: error ?? failure });
  };

  return {
    get hasRoom() {
      return !retired && !session.destroyed && !session.closed && open < limit;
    },
    send(request) {
      return new Promise((resolve, reject) => {
        let stream: ClientHttp2Stream;
        try {
          const headers = {
            ...request.headers,
            [constants.HTTP2_HEADER_METHOD]: request.method,
            [constants.HTTP2_HEADER_PATH]: request.path,
          };
          stream = session.request(headers, { endStream: request.body === undefined });
        } catch (error) {
          return reject(new RefusedStreamError((error as Error).message, { cause: error }));
        }
        open++;
        watchSilence();
        const { signal } = request;
        const cancel = () => stream.close(constants.NGHTTP2_CANCEL);
        signal?.addEventListener("abort", cancel, { once: true });
        if (signal?.aborted) cancel();
        let failed: Error | undefined;
        stream.on("error", (error) => {
          failed = error;
        });
        stream.once("close", () => {
          signal?.removeEventListener("abort", cancel);
          open--;
          if (retired && open === 0) session.close();
          if (signal?.aborted) return reject(signal.reason);
          const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
          reject(refused ? new RefusedStreamError("the server refused the stream") : lost(failed));
        });
        stream.once("response", (headers: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
          heardAt = clock.monotonic();
          const body = streamBody(
            stream,
            signal,
            () => lost(failed),
            constants.NGHTTP2_CANCEL,
            () => {
              heardAt = clock.monotonic();
            },
          );
          resolve({ status: headers[":status"] ?? 0, headers: plainHeaders(headers), body });
        });
        if (request.body !== undefined) stream.end(request.body);
      });
    },
    close() {
      return new Promise((resolve) => {
        if (session.closed && session.destroyed) return resolve();
        session.once("close", () => resolve());
        session.destroy();
      });
    },
  };
}
