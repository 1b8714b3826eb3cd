import type { IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { testCertificates } from "./test-certificates.fixture.ts";
import type { ContractAnswer, ContractRequest } from "./transport.contract.ts";

export interface TestHttpsServer {
  /** `https://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  /** How many connections were accepted so far. */
  readonly connections: number;
  /** Cuts all connections, as a crash does. */
  cut(): void;
  stop(): Promise<void>;
}

/** A small HTTPS server for tests, over HTTP/2 or HTTP/1.1. The client certificate's name arrives as header `x-client`. */
export async function testHttpsServer(
  handler: (request: ContractRequest) => ContractAnswer,
  options: { protocol?: "h2" | "http/1.1"; port?: number; maxConcurrentStreams?: number } = {},
): Promise<TestHttpsServer> {
  const tls = {
    key: testCertificates.serverKey,
    cert: testCertificates.serverCertificate,
    ca: testCertificates.ca,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const serve = async (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): Promise<void> => {
    let body = "";
    request.setEncoding("utf8");
    for await (const chunk of request) body += chunk;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
    const socket = ("stream" in request ? request.stream.session?.socket : request.socket) as TLSSocket;
    const client = socket.getPeerCertificate().subject?.CN;
    if (client) headers["x-client"] = String(client);
    const answer = handler({ method: request.method ?? "", path: request.url ?? "", headers, body });
    const stream = response as ServerResponse;
    stream.writeHead(answer.status, answer.headers ?? {});
    for (const chunk of answer.chunks) stream.write(chunk);
    if (answer.hold) stream.once("close", () => answer.onGone?.());
    else stream.end();
  };
  const listener = (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => {
    // A client that goes away in the middle of its request has nothing more to be told.
    serve(request, response).catch(() => response.end());
  };
  const settings = options.maxConcurrentStreams ? { maxConcurrentStreams: options.maxConcurrentStreams } : {};
  const server =
    options.protocol === "http/1.1"
      ? createServer(tls, listener)
      : createSecureServer({ ...tls, settings, allowHTTP1: false }, listener);
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    get connections() {
      return connections;
    },
    cut,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
