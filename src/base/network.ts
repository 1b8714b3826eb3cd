import * as dgram from "node:dgram";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
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

/** The machine's sockets. */
export const systemNetwork: Network = { net, tls, http, https, http2, dgram };
