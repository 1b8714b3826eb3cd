import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Agent, RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import { badRequest, internalError, serviceUnavailable } from "../../api/status-error.ts";
import type { Network } from "../../base/network.ts";
import { type ApiRequest, type BodySink, header, type Reply } from "../http/exchange.ts";
import { BEARER_PROTOCOL } from "../http/web-socket.ts";
import { connectionFailure, hostPort } from "../webhook/connection-failure.ts";

/** Where a request goes on to. */
export interface ProxyTarget {
  readonly protocol: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly method: string;
  /** Keeps connections for further requests; absent: each request has its own. */
  readonly agent?: Agent;
  readonly tls?: {
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
    readonly ca?: string | Buffer;
    /** Whether the other side's certificate is checked. */
    readonly verify: boolean;
    /** The name that the certificate must carry, where it is not the host. */
    readonly serverName?: string;
  };
}

/** Headers that concern one connection only, and those that tell who the client is: they end here. */
const NOT_FORWARDED = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "host",
  "authorization",
  "content-length",
]);

/** How long to wait for a connection to the other side. */
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Sends a client's request on to `target` and answers with what comes back, as it comes. Where the client asked for
 * another protocol and the other side takes it, the two connections are joined byte by byte: WebSocket and SPDY alike.
 * A side that can't be reached is a 500 or, with `unavailable`, a 503 in upstream's words.
 */
export async function forward(
  network: Pick<Network, "http" | "https">,
  target: ProxyTarget,
  request: ApiRequest,
  options: {
    upgradeRequired?: boolean;
    unavailable?: boolean;
    /** Changes the headers that go on. */
    edit?: (headers: OutgoingHttpHeaders) => void;
    onReply?: (reply: Reply) => Reply | Promise<Reply>;
  } = {},
): Promise<Reply> {
  const upgrade = request.upgradable ? String(request.headers["upgrade"] ?? "") : "";
  if (options.upgradeRequired && upgrade === "") throw badRequest("Upgrade request required");
  const headers = forwardedHeaders(request, target);
  options.edit?.(headers);
  if (upgrade) {
    headers["connection"] = "Upgrade";
    headers["upgrade"] = upgrade;
  } else if (hasBody(request)) {
    const length = header(request, "content-length");
    if (length !== undefined) headers["content-length"] = length;
  }
  const requestOptions: RequestOptions = {
    host: target.host,
    port: target.port,
    path: target.path,
    method: target.method,
    headers,
    agent: upgrade ? false : (target.agent ?? false),
    timeout: CONNECT_TIMEOUT_MS,
    ...(target.protocol === "https"
      ? {
          cert: target.tls?.cert,
          key: target.tls?.key,
          ca: target.tls?.ca,
          rejectUnauthorized: target.tls?.verify ?? true,
          ...(target.tls?.serverName ? { servername: target.tls.serverName } : {}),
        }
      : {}),
  };
  return new Promise<Reply>((resolve, reject) => {
    const sent = network[target.protocol].request(requestOptions);
    const onAbort = () => sent.destroy(new DOMException("the client has gone away", "AbortError"));
    request.signal.addEventListener("abort", onAbort, { once: true });
    const release = () => request.signal.removeEventListener("abort", onAbort);
    sent.on("socket", (socket) => {
      const connected = target.protocol === "https" ? "secureConnect" : "connect";
      // The time limit is for connecting: answers and streams may take as long as they like.
      if (sent.reusedSocket) sent.setTimeout(0);
      else socket.once(connected, () => sent.setTimeout(0));
    });
    sent.on("timeout", () => sent.destroy(new Error(`dial tcp ${target.host}:${target.port}: i/o timeout`)));
    sent.on("error", (error) => {
      release();
      if (error.name === "AbortError") return reject(error);
      // A connection that was kept may have been closed by the other side just then.
      if (sent.reusedSocket && !hasBody(request)) {
        return resolve(forward(network, { ...target, agent: undefined }, request, options));
      }
      const message = connectionFailure(error, target);
      reject(
        options.unavailable
          ? serviceUnavailable(`error trying to reach service: ${message}`)
          : internalError(new Error(`error dialing backend: ${message}`)),
      );
    });
    sent.on("upgrade", (response, socket, head) => {
      release();
      resolve({
        status: 101,
        headers: {},
        upgrade: (client, clientHead) => join(client, clientHead, socket, head, response),
      });
    });
    sent.on("response", (response) => {
      response.once("close", release);
      const reply = streamedReply(response);
      resolve(options.onReply ? options.onReply(reply) : reply);
    });
    if (upgrade || !hasBody(request)) sent.end();
    else void sendBody(request, sent).catch((error) => sent.destroy(error));
  });
}

const hasBody = ({ method, headers }: ApiRequest) =>
  method !== "GET" && method !== "HEAD" && headers["content-length"] !== "0";

async function sendBody(request: ApiRequest, sent: ReturnType<Network["http"]["request"]>): Promise<void> {
  for await (const chunk of request.body.stream()) {
    if (sent.destroyed) return;
    if (!sent.write(chunk)) await new Promise((resolve) => sent.once("drain", resolve).once("close", resolve));
  }
  sent.end();
}

function forwardedHeaders(request: ApiRequest, target: ProxyTarget): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { host: hostOf(target) };
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || NOT_FORWARDED.has(name) || name.startsWith(":") || name.startsWith("impersonate-")) {
      continue;
    }
    headers[name] = name === "sec-websocket-protocol" ? withoutBearer(value) : value;
  }
  if (request.remoteAddress) {
    const before = request.headers["x-forwarded-for"];
    headers["x-forwarded-for"] = before ? `${before}, ${request.remoteAddress}` : request.remoteAddress;
  }
  return headers;
}

/** The target as a URL names it. */
export const hostOf = (target: ProxyTarget): string => hostPort(target);

/** Browsers can send a token only as a subprotocol: that one is for this server alone. */
function withoutBearer(value: string | string[]): string {
  const protocols = (Array.isArray(value) ? value.join(",") : value).split(",").map((one) => one.trim());
  return protocols.filter((one) => !one.startsWith(BEARER_PROTOCOL)).join(", ");
}

function streamedReply(response: IncomingMessage): Reply {
  return {
    status: response.statusCode ?? 502,
    headers: repliedHeaders(response.headers),
    body: { start: (sink) => pump(response, sink) },
  };
}

function repliedHeaders(given: IncomingHttpHeaders): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && (!NOT_FORWARDED.has(name) || name === "content-length")) headers[name] = value;
  }
  return headers;
}

/** Hands a stream on, no faster than the client takes it. */
function pump(response: IncomingMessage, sink: BodySink): void {
  response.on("data", (chunk: Buffer) => {
    if (!sink.write(chunk)) response.pause();
  });
  response.on("end", () => sink.end());
  response.on("error", (error) => sink.abort(error));
  response.on("close", () => {
    if (!response.complete) sink.abort();
  });
  sink.onDrain(() => response.resume());
  sink.onClose(() => response.destroy());
}

/** Tells the client of the switch, then lets both sides talk until one of them is gone. */
function join(client: Duplex, clientHead: Buffer, other: Duplex, otherHead: Buffer, response: IncomingMessage): void {
  let head = `HTTP/1.1 101 ${response.statusMessage ?? "Switching Protocols"}\r\n`;
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    head += `${response.rawHeaders[index]}: ${response.rawHeaders[index + 1]}\r\n`;
  }
  client.write(`${head}\r\n`);
  if (otherHead.length > 0) client.write(otherHead);
  if (clientHead.length > 0) other.write(clientHead);
  for (const [from, to] of [
    [client, other],
    [other, client],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}
