import type { Duplex } from "node:stream";
import type { PeerCertificate } from "node:tls";
import type { UserInfo } from "../../api/user.ts";

/**
 * One HTTP request and its answer, whatever carried it: HTTP/2, HTTP/1.1, or a call within the process. The front ends
 * in this folder make requests and write replies; everything between is a Handler.
 */
export interface ApiRequest {
  /** Upper case. */
  readonly method: string;
  /** Percent-decoded, without the query; begins with a slash. */
  readonly path: string;
  /** The path and query as they came. */
  readonly url: string;
  /** Not to be changed. */
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: RequestHeaders;
  readonly body: RequestBody;
  /** Aborted when the client has gone away or the server ends the request. */
  readonly signal: AbortSignal;
  readonly protocol: "HTTP/1.1" | "HTTP/2.0" | "in-process";
  /** The client's certificate in DER, verified against the client CA. */
  readonly certificate?: PeerCertificate["raw"];
  /** The same, verified against the CA of proxies that say in headers for whom they speak. */
  readonly proxyCertificate?: PeerCertificate["raw"];
  /** Why the certificate that the client showed is not accepted. */
  readonly certificateError?: string;
  /** Whom the in-process transport speaks for: already authenticated. */
  readonly identity?: UserInfo;
  readonly remoteAddress?: string;
  /** Whether the client asked to switch protocols on a connection where that is possible. */
  readonly upgradable: boolean;
}

export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A request's body; either method may be called, once. */
export interface RequestBody {
  /** The whole body. Throws a 413 StatusError where it is longer than `limit` bytes. */
  read(limit: number): Promise<Uint8Array>;
  stream(): AsyncIterable<Uint8Array>;
}

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Record<string, string | string[]>;
  /** Absent: no body. Several pieces are sent one after the other, as if they were one. */
  readonly body?: Uint8Array | readonly Uint8Array[] | BodyChunks | BodyStream;
  /**
   * Called once when the answer has been handed to the connection, or it is clear that nobody takes it. Whoever drops a
   * reply must call it.
   */
  readonly sent?: () => void;
  /** Takes over the connection; nothing else of the reply is then used. Only where the request is upgradable. */
  readonly upgrade?: (connection: Duplex, head: Buffer) => void;
}

/** A body that is made while it is sent, so that neither memory nor the event loop has to take the whole of it. */
export interface BodyChunks {
  /** In bytes, where it is known beforehand. */
  readonly length: number | undefined;
  /** Goes through the body from its beginning. The bytes of a chunk are valid until the next one is asked for. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, void>;
}

/** A body that is written as it comes up. */
export interface BodyStream {
  /** Called once, when the head has been sent. */
  start(sink: BodySink): void;
}

export interface BodySink {
  /** Queues `chunk`. False means: more than enough is queued, wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  onDrain(callback: () => void): void;
  /** Called once when the client is gone, or after `end` or `abort`. */
  onClose(callback: () => void): void;
  end(): void;
  /** Breaks the answer off, so that the client can tell it from a complete one. */
  abort(error?: Error): void;
}

export type Handler = (request: ApiRequest) => Promise<Reply>;

/** The first value of a header. */
export function header(request: { headers: RequestHeaders }, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** All values of a header. */
export function headerValues(request: { headers: RequestHeaders }, name: string): readonly string[] {
  const value = request.headers[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** Shared, as nobody changes a request's query. */
const NO_QUERY = new URLSearchParams();

/** Splits a request target. Undefined where it is malformed (bad percent-encoding). */
export function parseTarget(target: string): { path: string; query: URLSearchParams } | undefined {
  const mark = target.indexOf("?");
  const raw = mark < 0 ? target : target.slice(0, mark);
  try {
    const path = raw.includes("%") ? decodeURIComponent(raw) : raw;
    return {
      path: path.startsWith("/") ? path : `/${path}`,
      query: mark < 0 ? NO_QUERY : new URLSearchParams(target.slice(mark + 1)),
    };
  } catch {
    return undefined;
  }
}

export function isChunks(body: Reply["body"]): body is BodyChunks {
  return body !== undefined && Symbol.asyncIterator in body;
}

export function isStream(body: Reply["body"]): body is BodyStream {
  return typeof (body as BodyStream | undefined)?.start === "function";
}
