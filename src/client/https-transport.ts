import type { Clock } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Network } from "../base/network.ts";
import { ConnectionError } from "./client.ts";
import { authorization, type Credentials } from "./credentials.ts";
import { dialer } from "./dial.ts";
import { http1Sender, REPEATABLE } from "./http1-sender.ts";
import { type Http2Connection, http2Connection, RefusedStreamError } from "./http2-connection.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

export interface HttpsTransportOptions extends Credentials {
  network: Network;
  clock: Clock;
  /** Needed for `tokenFile` only. */
  files?: Files;
  /** `https://host:port`, optionally with a path before the API's own; `http://` is spoken as HTTP/1.1 in the clear. */
  server: string;
  /** The authorities that the server's certificate may come from, PEM. Default: the ones that Node trusts. */
  ca?: string | Uint8Array;
  /** The name that the certificate must carry, where it is not the host of `server`. */
  serverName?: string;
  insecureSkipTlsVerify?: boolean;
}

/**
 * A Transport over HTTPS. Everything goes over one HTTP/2 connection, or as few as the server's limit of streams allows;
 * servers that do not offer h2 are spoken to in HTTP/1.1 over kept-alive connections. Connections are made when first
 * needed and again after they were lost. A connection that fell silent is found by pings within 45 s.
 */
export function httpsTransport(options: HttpsTransportOptions): Transport {
  const { network, clock } = options;
  const url = new URL(options.server);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new TypeError(`the server's address must begin with https:// or http://, not ${url.protocol}`);
  }
  const prefix = url.pathname.replace(/\/+$/, "");
  const authorize = authorization(options, options);
  const dial = dialer(url, options);
  const http1 = http1Sender(url, options);
  const connections = new Set<Http2Connection>();
  let dialing: Promise<Http2Connection | "http/1.1"> | undefined;
  let onlyHttp1 = url.protocol === "http:";
  let closed = false;

  const connect = async (): Promise<Http2Connection | "http/1.1"> => {
    const socket = await dial();
    if (closed) {
      socket.destroy();
      throw new ConnectionError("the transport is closed");
    }
    if (socket.alpnProtocol !== "h2") {
      socket.destroy();
      onlyHttp1 = true;
      return "http/1.1";
    }
    const connection = http2Connection({ network, clock, url, socket, onClose: () => connections.delete(connection) });
    connections.add(connection);
    return connection;
  };
  /** A connection with room for one more stream; all who wait share one attempt to dial. */
  const connectionWithRoom = async (
    signal: AbortSignal | undefined,
  ): Promise<{ connection: Http2Connection | "http/1.1"; fresh: boolean }> => {
    for (;;) {
      if (onlyHttp1) return { connection: "http/1.1", fresh: true };
      for (const connection of connections) if (connection.hasRoom) return { connection, fresh: false };
      dialing ??= connect().finally(() => {
        dialing = undefined;
      });
      const connection = await unlessAborted(dialing, signal);
      if (connection === "http/1.1" || connection.hasRoom) return { connection, fresh: true };
    }
  };

  const send = async (request: TransportRequest, headers: Record<string, string>): Promise<TransportResponse> => {
    const path = prefix + request.path;
    for (let again = true; ; again = false) {
      const { connection, fresh } = await connectionWithRoom(request.signal);
      if (connection === "http/1.1") return http1.send({ ...request, path, headers });
      try {
        return await connection.send({ ...request, path, headers });
      } catch (error) {
        // A connection that was kept may have died unnoticed; what the server surely did not take can go out again.
        const repeatable =
          error instanceof RefusedStreamError ||
          (!fresh && error instanceof ConnectionError && REPEATABLE.has(request.method));
        if (!again || !repeatable || request.signal?.aborted || closed) throw error;
      }
    }
  };

  return {
    async request(request) {
      if (closed) throw new ConnectionError("the transport is closed");
      request.signal?.throwIfAborted();
      const authorization = await authorize();
      return send(request, { ...(authorization ? { authorization } : {}), ...request.headers });
    },
    async close() {
      closed = true;
      http1.close();
      await Promise.all([...connections].map((connection) => connection.close()));
    },
  };
}

/** Settles as `promise` does, or rejects with the signal's reason if that is aborted earlier. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
