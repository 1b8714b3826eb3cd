import type { ClientRequest, IncomingMessage } from "node:http";
import type { Agent, RequestOptions } from "node:https";
import { formatDuration } from "../../api/duration.ts";
import type { StatusError } from "../../api/status-error.ts";
import { type Clock, deadline } from "../../base/clock.ts";
import type { Network } from "../../base/network.ts";
import type { Random } from "../../base/random.ts";
import type { Lookup } from "../lookup.ts";
import { answerError } from "./answer-error.ts";
import { connectionFailure } from "./connection-failure.ts";
import { type ServiceAddress, type ServiceRouting, serviceResolver } from "./service-resolver.ts";

/** Where a webhook is and how it is trusted: a clientConfig of the API, or what a kubeconfig file says. */
export interface WebhookClientConfig {
  /** `https://host[:port][/path]`; `http://` only where a kubeconfig file says so. */
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    /** Default: 443. */
    readonly port?: number;
  };
  /** Base64 of the PEM of the CAs that the webhook's certificate may come from. Absent: those of the system. */
  readonly caBundle?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** Who the server is to the webhook. PEM, where it is a certificate. */
  readonly auth?: {
    readonly certificate?: string;
    readonly key?: string;
    readonly token?: string;
    readonly username?: string;
    readonly password?: string;
  };
}

/**
 * Why a call came to nothing. `message` is what upstream's client says, so that it can be wrapped as upstream does:
 * `Post "https://…?timeout=10s": context deadline exceeded`.
 */
export class WebhookError extends Error {
  readonly kind: "unreachable" | "timeout" | "status" | "body";
  /** Of an answer that is no success. */
  readonly answer: StatusError | undefined;

  constructor(kind: WebhookError["kind"], message: string, options: { cause?: unknown; answer?: StatusError } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "WebhookError";
    this.kind = kind;
    this.answer = options.answer;
  }
}

export interface WebhookCallOptions {
  timeoutMs: number;
  /** Aborted: the call rejects with the signal's reason. */
  signal?: AbortSignal;
  /** The name that the certificate must carry, where it is not the host (or `name.namespace.svc` of a service). */
  serverName?: string;
  /** Default: MAX_ANSWER_BYTES. */
  maxAnswerBytes?: number;
}

export interface WebhookCaller {
  /** POSTs `body` as JSON and gives the answer's JSON. Throws a WebhookError. */
  call(config: WebhookClientConfig, body: object, options: WebhookCallOptions): Promise<unknown>;
  /** Ends the connections that are kept. */
  close(): void;
}

/** A longer answer is refused: it holds at most the objects of one converted list. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Connections that are kept to one webhook, and for how long they may be idle. */
const MAX_IDLE_SOCKETS = 25;
const IDLE_TIMEOUT_MS = 90_000;
const DEFAULT_PORT = 443;

/**
 * Calls webhooks over HTTP/1.1, as upstream does so that calls spread over the endpoints, on connections that are kept
 * alive. Services are resolved anew for each call.
 */
export function webhookCaller(options: {
  network: Pick<Network, "http" | "https">;
  clock: Clock;
  random: Random;
  lookup: Lookup;
  routing?: ServiceRouting;
}): WebhookCaller {
  const { network, clock } = options;
  const resolve = serviceResolver(options);
  const agents = new Map<string, Agent>();
  const agentOf = (protocol: "http" | "https"): Agent => {
    let agent = agents.get(protocol);
    if (!agent) {
      agent = new network[protocol].Agent({
        keepAlive: true,
        maxFreeSockets: MAX_IDLE_SOCKETS,
        timeout: IDLE_TIMEOUT_MS,
      }) as Agent;
      agents.set(protocol, agent);
    }
    return agent;
  };

  const call = async (config: WebhookClientConfig, body: object, callOptions: WebhookCallOptions): Promise<unknown> => {
    const { timeoutMs, maxAnswerBytes = MAX_ANSWER_BYTES } = callOptions;
    const url = urlOf(config, timeoutMs);
    const post = `Post ${JSON.stringify(url.text)}`;
    callOptions.signal?.throwIfAborted();
    const limit = deadline(clock, timeoutMs, callOptions.signal);
    try {
      let address: ServiceAddress = { host: url.host, port: url.port };
      if (config.service) {
        const { namespace, name } = config.service;
        try {
          address = await resolve(namespace, name, url.port);
        } catch (error) {
          throw new WebhookError("unreachable", `${post}: ${(error as Error).message}`, { cause: error });
        }
      }
      const agent = agentOf(url.protocol);
      const request = requestOptions(config, url, address, callOptions.serverName);
      const bytes = Buffer.from(JSON.stringify(body));
      const send = () => exchange(network, url.protocol, { ...request, agent, signal: limit.signal }, bytes);
      let response: IncomingMessage;
      try {
        response = await send().catch((error: ExchangeError) => {
          // A connection that was kept may have been closed by the other side just then: nothing was answered on it.
          if (error.reused && !limit.signal.aborted) return send();
          throw error;
        });
      } catch (error) {
        limit.signal.throwIfAborted();
        const cause = (error as ExchangeError).cause as Error;
        throw new WebhookError("unreachable", `${post}: ${connectionFailure(cause, address)}`, { cause });
      }
      const text = await readAnswer(response, maxAnswerBytes, post, limit.signal);
      return parseAnswer(response, text);
    } catch (error) {
      if (error instanceof WebhookError) throw error;
      callOptions.signal?.throwIfAborted();
      if (limit.signal.aborted) {
        throw new WebhookError("timeout", `${post}: context deadline exceeded`, { cause: error });
      }
      throw new WebhookError("unreachable", `${post}: ${(error as Error).message}`, { cause: error });
    } finally {
      limit.dispose();
    }
  };
  return {
    call,
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

/** A caller without a way out, for a server that was given no network. */
export const unreachableWebhooks: WebhookCaller = {
  async call(config, _body, { timeoutMs }) {
    const { text } = urlOf(config, timeoutMs);
    throw new WebhookError("unreachable", `Post ${JSON.stringify(text)}: the server was given no network`);
  },
  close: () => {},
};

interface Target {
  readonly protocol: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** With the query. */
  readonly path: string;
  /** Of the Host header. */
  readonly authority: string;
  readonly text: string;
}

function urlOf({ url, service }: WebhookClientConfig, timeoutMs: number): Target {
  const timeout = `timeout=${formatDuration(timeoutMs)}`;
  if (service) {
    const host = `${service.name}.${service.namespace}.svc`;
    const port = service.port ?? DEFAULT_PORT;
    const path = `${cleanPath(service.path)}?${timeout}`;
    return {
      protocol: "https",
      host,
      port,
      path,
      authority: `${host}:${port}`,
      text: `https://${host}:${port}${path}`,
    };
  }
  let parsed: URL;
  try {
    parsed = new URL(url ?? "");
  } catch (error) {
    throw new WebhookError("unreachable", `parse ${JSON.stringify(url)}: invalid URL`, { cause: error });
  }
  const protocol = parsed.protocol === "http:" ? "http" : "https";
  const path = `${parsed.pathname}${parsed.search ? `${parsed.search}&` : "?"}${timeout}`;
  return {
    protocol,
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: Number(parsed.port || (protocol === "http" ? 80 : DEFAULT_PORT)),
    path,
    authority: parsed.host,
    text: `${protocol}://${parsed.host}${path}`,
  };
}

const cleanPath = (path = "") => (path.startsWith("/") ? path : `/${path}`);

const IP_ADDRESS = /^(\d+\.){3}\d+$|:/;

function requestOptions(
  config: WebhookClientConfig,
  target: Target,
  address: ServiceAddress,
  serverName: string | undefined,
): RequestOptions {
  const { auth, caBundle } = config;
  const name = serverName ?? target.host;
  const authorization = auth?.token
    ? `Bearer ${auth.token}`
    : auth?.username !== undefined
      ? `Basic ${Buffer.from(`${auth.username}:${auth.password ?? ""}`).toString("base64")}`
      : undefined;
  return {
    method: "POST",
    host: address.host,
    port: address.port,
    path: target.path,
    headers: {
      host: target.authority,
      accept: "application/json, */*",
      "content-type": "application/json",
      "user-agent": "kube-apiserver-admission",
      ...(authorization ? { authorization } : {}),
    },
    ...(target.protocol === "http"
      ? {}
      : {
          servername: IP_ADDRESS.test(name) ? "" : name,
          ca: caBundle ? Buffer.from(caBundle, "base64").toString("utf8") : undefined,
          cert: auth?.certificate,
          key: auth?.key,
          rejectUnauthorized: !config.insecureSkipTlsVerify,
          minVersion: "TLSv1.2" as const,
        }),
  };
}

/** Why no answer came; `reused`: on a connection that had been kept. */
class ExchangeError extends Error {
  readonly reused: boolean;
  constructor(cause: Error, reused: boolean) {
    super(cause.message, { cause });
    this.reused = reused;
  }
}

/** Sends a request; resolves with the head of the answer. Rejects with an ExchangeError. */
function exchange(
  network: Pick<Network, "http" | "https">,
  protocol: "http" | "https",
  options: RequestOptions,
  body: Buffer,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { headers } = options;
    let request: ClientRequest;
    try {
      request = network[protocol].request({
        ...options,
        headers: { ...(headers as Record<string, string>), "content-length": body.length },
      });
    } catch (error) {
      // A certificate or key that is none.
      return reject(new ExchangeError(error as Error, false));
    }
    request.once("response", resolve);
    request.on("error", (error: NodeJS.ErrnoException) => {
      const broken = error.code === "ECONNRESET" || error.code === "EPIPE";
      reject(new ExchangeError(error, broken && request.reusedSocket));
    });
    request.end(body);
  });
}

async function readAnswer(
  response: IncomingMessage,
  limit: number,
  post: string,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) {
        response.destroy();
        throw new WebhookError("body", `${post}: the answer is longer than ${limit} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof WebhookError) throw error;
    signal.throwIfAborted();
    throw new WebhookError("unreachable", `${post}: unexpected EOF`, { cause: error });
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseAnswer({ statusCode = 0, headers }: IncomingMessage, text: string): unknown {
  if (statusCode < 200 || statusCode > 206) {
    const retryAfter = Number(headers["retry-after"]) || undefined;
    const answer = answerError(statusCode, headers["content-type"] ?? "", text, retryAfter);
    throw new WebhookError("status", answer.message, { answer });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw new WebhookError(
      "body",
      `couldn't get version/kind; json parse error: invalid answer ${JSON.stringify(shown)}`,
      {
        cause: error,
      },
    );
  }
}
