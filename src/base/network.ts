import * as dgram from "node:dgram";
import type * as http from "node:http";
import type * as http2 from "node:http2";
import type * as https from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";

/** The socket modules that components may use. Handed in: a component that was given no Network opens no socket. */
export interface Network {
  net: Pick<typeof net, "connect" | "createServer">;
  tls: Pick<typeof tls, "connect" | "createServer" | "createSecureContext">;
  http: Pick<typeof http, "request" | "createServer" | "Agent">;
  https: Pick<typeof https, "request" | "createServer" | "Agent">;
  http2: Pick<typeof http2, "connect" | "createSecureServer" | "createServer" | "constants">;
  dgram: Pick<typeof dgram, "createSocket">;
}

/**
 * The machine's sockets. The HTTP modules are not imported: an import of `node:http` reads each of its exports, and one of
 * them loads the whole of Node's fetch (50 ms of a start that takes 400).
 */
export const systemNetwork: Network = {
  net,
  tls,
  dgram,
  http: process.getBuiltinModule("node:http"),
  https: process.getBuiltinModule("node:https"),
  http2: process.getBuiltinModule("node:http2"),
};
