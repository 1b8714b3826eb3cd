import type { IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { UserInfo } from "../../api/user.ts";
import type { Clock } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Network } from "../../base/network.ts";
import { type Runtime, RuntimeError } from "../runtime.ts";
import { nodeRequests, type ServerAccess } from "./access.ts";
import { endpoints } from "./endpoints.ts";
import type { PodAccess } from "./pod-access.ts";
import { RequestError } from "./request-target.ts";
import { SpdyUpgradeError } from "./spdy.ts";
import { serveStream } from "./streams.ts";
import { refuseUpgrade } from "./upgrade-proxy.ts";

/** As Go's server: the headers of one request together, its address included. */
const MAX_HEADER_BYTES = 1024 * 1024;

/** A private key and certificate chain, in PEM. */
export interface ServingCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface KubeletServerOptions {
  network: Network;
  clock: Clock;
  files: Files;
  logger: Logger;
  runtime: Runtime;
  pods: PodAccess;
  access: ServerAccess;
  metrics: MetricsRegistry;
  nodeName: string;
  /** The kubelet's directory, whose file system counts as the node's in the statistics. */
  rootDir: string;
  /** Upstream's 10250; 0 takes a free one. */
  port: number;
  /** Default: all addresses. */
  address?: string;
  certificate: ServingCertificate;
  /** The PEM of the authority whose client certificates are believed. */
  clientCa?: string;
  /** What is wrong with the kubelet's own loop; undefined where nothing is. For `/healthz` and `/healthz/syncloop`. */
  unhealthy?(): string | undefined;
  /** The answer of `/configz`: the KubeletConfiguration in force. */
  configuration?(): unknown;
}

export interface KubeletServer {
  readonly port: number;
  /** Serves new connections with another certificate. */
  setCertificate(certificate: ServingCertificate): void;
  /** Stops listening and ends what is under way, streams included. */
  close(): Promise<void>;
}

/**
 * Starts the kubelet's HTTPS server: logs, remote commands, port-forwards, statistics and metrics of this node's pods.
 * Every request is authenticated (client certificate or bearer token) and authorized as one on `nodes`. Rejects where the
 * port can't be listened on.
 */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const { network, logger } = options;
  const tls = (certificate: ServingCertificate) => ({
    ...certificate,
    ...(options.clientCa ? { ca: options.clientCa } : {}),
    minVersion: "TLSv1.2" as const,
  });
  const server = network.https.createServer({
    ...tls(options.certificate),
    requestCert: options.clientCa !== undefined,
    rejectUnauthorized: false,
    allowHalfOpen: true,
    // A command to run stands in the address, each argument a parameter.
    maxHeaderSize: MAX_HEADER_BYTES,
    // Logs are followed and commands run for as long as they like.
    requestTimeout: 0,
  });
  const answer = endpoints(options);

  server.on("request", (request, response) => {
    const serve = async () => {
      const url = urlOf(request);
      await admit(options, request, url.pathname);
      await answer(request, response, url);
    };
    serve().catch((error: unknown) => {
      const { code, message } = refusal(error, logger);
      if (response.headersSent) response.destroy();
      else response.writeHead(code, { "content-type": "text/plain; charset=utf-8" }).end(`${message}\n`);
    });
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A client that goes away before it was served is no error of ours.
    socket.on("error", () => socket.destroy());
    const serve = async () => {
      const url = urlOf(request);
      await admit(options, request, url.pathname);
      await serveStream(options, { request, socket, head }, url);
    };
    serve().catch((error: unknown) => {
      const { code, message } = refusal(error, logger);
      refuseUpgrade(socket, code, message);
    });
  });
  const connections = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: options.port, ...(options.address ? { host: options.address } : {}) }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  logger.info("serving", { port });
  return {
    port,
    setCertificate: (certificate) => server.setSecureContext(tls(certificate)),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

function urlOf(request: IncomingMessage): URL {
  try {
    return new URL(request.url ?? "/", "https://kubelet");
  } catch {
    throw new RequestError(400, "malformed path");
  }
}

/** Resolves where the sender of a request may do this; rejects with a RequestError where not. */
async function admit(
  { access, nodeName }: KubeletServerOptions,
  request: IncomingMessage,
  path: string,
): Promise<void> {
  try {
    const user = certifiedUser(request.socket as TLSSocket) ?? (await tokenUser(access, request));
    if (!user) throw new RequestError(401, "Unauthorized");
    const wanted = nodeRequests(request.method ?? "", path, nodeName);
    for (const one of wanted) if ((await access.authorize(user, one)).allowed) return;
    const subresources = wanted.map(({ subresource }) => subresource).join(" ");
    throw new RequestError(
      403,
      `Forbidden (user=${user.name}, verb=${wanted[0]?.verb}, resource=nodes, subresource(s)=[${subresources}])`,
    );
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw new RequestError(500, `the API server can't be asked for permission: ${(error as Error).message}`);
  }
}

/** The user that a verified client certificate names: the common name, in the groups of its organizations. */
function certifiedUser(socket: TLSSocket): UserInfo | undefined {
  if (!socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject as Partial<Record<"CN" | "O", string | string[]>> | undefined;
  const [name] = [subject?.CN ?? []].flat();
  return name ? { name, groups: [...[subject?.O ?? []].flat(), "system:authenticated"] } : undefined;
}

async function tokenUser(access: ServerAccess, request: IncomingMessage): Promise<UserInfo | undefined> {
  const token = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return token ? access.authenticateToken(token) : undefined;
}

/** The answer to a request that failed; what is not the client's doing is logged too. */
function refusal(error: unknown, logger: Logger): { code: number; message: string } {
  if (error instanceof RequestError || error instanceof SpdyUpgradeError) return error;
  if (error instanceof RuntimeError && error.code === "not-found") return { code: 404, message: error.message };
  logger.error("a request failed", { error });
  return { code: 500, message: error instanceof Error ? error.message : String(error) };
}
