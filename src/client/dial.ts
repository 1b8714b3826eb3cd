import type { TLSSocket } from "node:tls";
import type { Clock } from "../base/clock.ts";
import type { Network } from "../base/network.ts";
import { ConnectionError } from "./client.ts";

export interface TlsOptions {
  ca?: string | Uint8Array;
  certificate?: string | Uint8Array;
  key?: string | Uint8Array;
  serverName?: string;
  insecureSkipTlsVerify?: boolean;
}

const DIAL_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;
const IP_ADDRESS = /^(\d+\.){3}\d+$|:/;

/** The options of Node's TLS sockets. A name to check is sent along (SNI) unless it is an address. */
export function tlsConnectOptions(url: URL, tls: TlsOptions) {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const name = tls.serverName ?? host;
  const pem = (value: string | Uint8Array | undefined) =>
    value === undefined || typeof value === "string" ? value : Buffer.from(value);
  return {
    host,
    port: Number(url.port || 443),
    servername: IP_ADDRESS.test(name) ? "" : name,
    ca: pem(tls.ca),
    cert: pem(tls.certificate),
    key: pem(tls.key),
    rejectUnauthorized: !tls.insecureSkipTlsVerify,
    minVersion: "TLSv1.2" as const,
  };
}

/** Makes TLS connections that agreed on h2 or http/1.1. Rejects with a ConnectionError that names the server. */
export function dialer(url: URL, options: TlsOptions & { network: Network; clock: Clock }): () => Promise<TLSSocket> {
  const base = { ...tlsConnectOptions(url, options), ALPNProtocols: ["h2", "http/1.1"] };
  // Parsing the certificates once is cheaper than for each connection, and remembers the TLS session.
  let secureContext: ReturnType<Network["tls"]["createSecureContext"]> | undefined;
  return () =>
    new Promise((resolve, reject) => {
      let socket: TLSSocket;
      const fail = (error: Error) => {
        timer.cancel();
        socket?.destroy();
        reject(new ConnectionError(`cannot connect to ${url.host}: ${reasonOf(error)}`, { cause: error }));
      };
      const timer = options.clock.after(DIAL_TIMEOUT_MS, () =>
        fail(new Error(`no answer within ${DIAL_TIMEOUT_MS} ms`)),
      );
      try {
        secureContext ??= options.network.tls.createSecureContext(base);
        socket = options.network.tls.connect({ ...base, secureContext });
      } catch (error) {
        return fail(error as Error);
      }
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      const onClose = () => fail(new Error("the connection was closed before it was secured"));
      socket.once("error", fail);
      socket.once("close", onClose);
      socket.once("secureConnect", () => {
        timer.cancel();
        socket.off("error", fail);
        socket.off("close", onClose);
        resolve(socket);
      });
    });
}

/** Node tries several addresses of a host at once; the message of such a failure is in the parts. */
export function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map((part: Error) => part.message))].join("; ");
  }
  return error.message;
}
