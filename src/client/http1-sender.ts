import type { IncomingMessage } from "node:http";
import type { Network } from "../base/network.ts";
import { ConnectionError } from "./client.ts";
import { reasonOf, type TlsOptions, tlsConnectOptions } from "./dial.ts";
import type { TransportRequest, TransportResponse } from "./transport.ts";

/** Requests that may be sent again when their connection died before an answer. */
export const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export interface Http1Sender {
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): void;
}

/** Requests in HTTP/1.1 over kept-alive connections, one request at a time on each. */
export function http1Sender(url: URL, options: TlsOptions & { network: Network }): Http1Sender {
  const { network } = options;
  const secure = url.protocol === "https:";
  const connect = { ...tlsConnectOptions(url, options), port: Number(url.port || (secure ? 443 : 80)) };
  let agent: InstanceType<Network["http"]["Agent"]> | undefined;
  const running = new Set<{ destroy(): void }>();

  const send = (sending: TransportRequest): Promise<TransportResponse> => {
    const { method, path, headers, body, signal } = sending;
    agent ??= secure ? new network.https.Agent({ keepAlive: true }) : new network.http.Agent({ keepAlive: true });
    const common = { method, path, headers: { host: url.host, ...headers }, agent, signal };
    return new Promise((resolve, reject) => {
      const request = secure
        ? network.https.request({ ...connect, ...common })
        : network.http.request({ host: connect.host, port: connect.port, ...common });
      running.add(request);
      request.once("close", () => running.delete(request));
      request.once("response", (response) => {
        resolve({
          status: response.statusCode ?? 0,
          headers: plainHeaders(response.headers),
          body: messageBody(response, signal, url),
        });
      });
      request.on("error", (error) => {
        if (signal?.aborted) return reject(signal.reason);
        // A kept connection may have died unnoticed: what can be sent twice goes out again on another.
        if (request.reusedSocket && REPEATABLE.has(method)) return resolve(send(sending));
        reject(new ConnectionError(`cannot reach ${url.host}: ${reasonOf(error)}`, { cause: error }));
      });
      request.end(body);
    });
  };
  return {
    send,
    close() {
      for (const request of running) request.destroy();
      agent?.destroy();
    },
  };
}

async function* messageBody(
  message: IncomingMessage,
  signal: AbortSignal | undefined,
  url: URL,
): AsyncGenerator<Uint8Array> {
  try {
    yield* message;
  } catch (error) {
    signal?.throwIfAborted();
    throw new ConnectionError(`lost the connection to ${url.host}: ${(error as Error).message}`, { cause: error });
  }
}

/** Header values as single strings; pseudo-headers are left out. */
export function plainHeaders(headers: Record<string, string | string[] | number | undefined>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":")) continue;
    plain[name] = Array.isArray(value) ? value.join(", ") : String(value);
  }
  return plain;
}
