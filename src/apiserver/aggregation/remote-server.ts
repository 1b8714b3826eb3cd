import type { Agent } from "node:https";
import { serviceUnavailable } from "../../api/status-error.ts";
import type { APIServiceSpec } from "../../api/types/apiregistration.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import { type Clock, deadline } from "../../base/clock.ts";
import type { Network } from "../../base/network.ts";
import type { ApiRequest, Reply } from "../http/exchange.ts";
import { textReply } from "../http/status-reply.ts";
import { forward, hostOf, type ProxyTarget } from "../proxy/forward.ts";
import { connectionFailure } from "../webhook/connection-failure.ts";
import type { ServiceResolver } from "../webhook/service-resolver.ts";
import { setUserHeaders } from "./user-headers.ts";

/** Who this server is to extension servers: they believe the user headers of whoever shows this certificate. */
export interface ProxyClient {
  /** PEM. */
  readonly certificate: string | Buffer;
  readonly key: string | Buffer;
}

export interface RemoteServices {
  readonly network: Pick<Network, "http" | "https">;
  readonly clock: Clock;
  readonly resolve: ServiceResolver;
  readonly proxyClient: ProxyClient | undefined;
}

/** An answer that is read as a whole. */
export interface RemoteAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly etag: string | undefined;
  readonly body: string;
}

const DEFAULT_PORT = 443;
/** Connections kept to one server. */
const MAX_IDLE_SOCKETS = 25;
/** Documents that are read (discovery, OpenAPI) may be this long. */
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;

/** The extension server behind one APIService. */
export class RemoteServer {
  readonly #services: RemoteServices | undefined;
  readonly #spec: APIServiceSpec;
  readonly #ca: string | undefined;
  #agent: Agent | undefined;

  constructor(spec: APIServiceSpec, services: RemoteServices | undefined) {
    this.#spec = spec;
    this.#services = services;
    this.#ca = spec.caBundle ? Buffer.from(spec.caBundle, "base64").toString("utf8") : undefined;
  }

  /** `namespace/name:port`: several APIServices may share one. */
  get service(): string {
    const { namespace, name, port = DEFAULT_PORT } = this.#spec.service ?? {};
    return `${namespace}/${name}:${port}`;
  }

  /** Passes a request on, in the name of `user`: streams and upgrades too. A server that can't be found is a 503. */
  async forward(request: ApiRequest, user: UserInfo): Promise<Reply> {
    const { network } = this.#reachable;
    let target: ProxyTarget;
    try {
      target = await this.#target(request.url, request.method);
    } catch {
      return textReply(503, "service unavailable\n");
    }
    return forward(network, target, request, {
      unavailable: true,
      edit: (headers) => setUserHeaders(headers, user),
    });
  }

  /** Reads a document, in the name of `user`. Rejects with what upstream says where there is no answer. */
  async get(
    path: string,
    options: { user: UserInfo; timeoutMs: number; accept?: string; ifNoneMatch?: string },
  ): Promise<{ url: string; answer: RemoteAnswer }> {
    const { clock } = this.#reachable;
    const target = await this.#target(path, "GET");
    const url = `https://${hostOf(target)}${path}`;
    const limit = deadline(clock, options.timeoutMs);
    try {
      return { url, answer: await this.#read(target, url, options, limit.signal) };
    } finally {
      limit.dispose();
    }
  }

  /** Ends the connections that are kept. */
  close(): void {
    this.#agent?.destroy();
  }

  get #reachable(): RemoteServices {
    if (!this.#services) throw serviceUnavailable("the server was given no network");
    return this.#services;
  }

  async #target(path: string, method: string): Promise<ProxyTarget> {
    const { namespace = "", name = "", port = DEFAULT_PORT } = this.#spec.service ?? {};
    const { network, proxyClient, resolve } = this.#reachable;
    const { host, port: at } = await resolve(namespace, name, port);
    this.#agent ??= new network.https.Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_SOCKETS }) as Agent;
    return {
      protocol: "https",
      host,
      port: at,
      path,
      method,
      agent: this.#agent,
      tls: {
        cert: proxyClient?.certificate,
        key: proxyClient?.key,
        ca: this.#ca,
        verify: !this.#spec.insecureSkipTLSVerify,
        serverName: `${name}.${namespace}.svc`,
      },
    };
  }

  #read(
    target: ProxyTarget,
    url: string,
    { user, accept = "application/json", ifNoneMatch }: { user: UserInfo; accept?: string; ifNoneMatch?: string },
    signal: AbortSignal,
  ): Promise<RemoteAnswer> {
    const headers: Record<string, string | string[]> = {
      accept,
      ...(ifNoneMatch ? { "if-none-match": ifNoneMatch } : {}),
    };
    setUserHeaders(headers, user);
    const get = `Get ${JSON.stringify(url)}`;
    return new Promise((resolve, reject) => {
      const { tls } = target;
      const request = this.#reachable.network.https.request({
        host: target.host,
        port: target.port,
        path: target.path,
        method: "GET",
        headers: { host: hostOf(target), ...headers },
        agent: target.agent,
        servername: tls?.serverName,
        cert: tls?.cert,
        key: tls?.key,
        ca: tls?.ca,
        rejectUnauthorized: tls?.verify,
        signal,
      });
      const fail = (error: Error) =>
        reject(
          new Error(`${get}: ${signal.aborted ? "context deadline exceeded" : connectionFailure(error, target)}`, {
            cause: error,
          }),
        );
      request.on("error", fail);
      request.once("response", (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > MAX_DOCUMENT_BYTES)
            response.destroy(new Error(`the answer is longer than ${MAX_DOCUMENT_BYTES} bytes`));
        });
        response.on("error", fail);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            contentType: response.headers["content-type"] ?? "",
            etag: response.headers.etag,
            body: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      });
      request.end();
    });
  }
}
