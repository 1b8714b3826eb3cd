import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import type { MessageCodec } from "./protobuf-schema.ts";

/** One method of a service: its full path and how its messages are written and read. */
export interface GrpcMethod<Request, Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Pick<MessageCodec<Request, unknown>, "encode">;
  readonly response: Pick<MessageCodec<unknown, Response>, "decode">;
}

export interface CallOptions {
  /** The call fails with `deadline-exceeded` after this many ms. Absent: no limit. */
  timeoutMs?: number;
  signal?: AbortSignal;
  metadata?: Readonly<Record<string, string>>;
}

/** A stream in both directions. `write` waits while the other side is slower; `end` half-closes. */
export interface DuplexCall<Request, Response> {
  readonly responses: AsyncIterable<Response>;
  write(message: Request): Promise<void>;
  end(): void;
  cancel(): void;
}

/** A connection to a gRPC server, made on first use and made again after a loss. Failed calls reject with a GrpcError. */
export interface GrpcChannel {
  unary<Req, Res>(method: GrpcMethod<Req, Res>, request: Req, options?: CallOptions): Promise<Res>;
  /** Leaving the iteration early cancels the call. */
  serverStream<Req, Res>(method: GrpcMethod<Req, Res>, request: Req, options?: CallOptions): AsyncIterable<Res>;
  duplex<Req, Res>(method: GrpcMethod<Req, Res>, options?: CallOptions): DuplexCall<Req, Res>;
  /** Fails what is under way with `cancelled` or `unavailable`. */
  close(): void;
}

/** The status codes of gRPC by name. */
export type GrpcCode =
  | "cancelled"
  | "unknown"
  | "invalid-argument"
  | "deadline-exceeded"
  | "not-found"
  | "already-exists"
  | "permission-denied"
  | "resource-exhausted"
  | "failed-precondition"
  | "aborted"
  | "out-of-range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data-loss"
  | "unauthenticated";

const CODES: readonly GrpcCode[] = [
  "unknown",
  "cancelled",
  "unknown",
  "invalid-argument",
  "deadline-exceeded",
  "not-found",
  "already-exists",
  "permission-denied",
  "resource-exhausted",
  "failed-precondition",
  "aborted",
  "out-of-range",
  "unimplemented",
  "internal",
  "unavailable",
  "data-loss",
  "unauthenticated",
];

/** A call that ended with another status than OK; the message is the server's, without the code in front. */
export class GrpcError extends Error {
  readonly code: GrpcCode;
  readonly method: string;
  constructor(code: GrpcCode, message: string, method: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "GrpcError";
    this.code = code;
    this.method = method;
  }

  /** Whether there was no connection to send the request over: the server cannot have seen it. */
  get neverSent(): boolean {
    return this.code === "unavailable" && /^(No connection established|Name resolution failed)/.test(this.message);
  }
}

export interface DialOptions {
  /** Sent with every call. */
  metadata?: Readonly<Record<string, string>>;
  /** TLS towards the server; absent: plain text, as on a Unix socket. */
  tls?: { ca?: Buffer; key?: Buffer; cert?: Buffer };
  /** The largest message accepted, in bytes; default 16 MiB, as containerd's and CRI clients'. */
  maxMessageBytes?: number;
  /** Asks an idle or silent server for a sign of life every so often, and gives the connection up without one. */
  keepalive?: { everyMs: number; timeoutMs: number };
  /** How much the server may send ahead, in bytes, on the connection and each stream. Default: HTTP/2's 64 KiB. */
  windowBytes?: number;
}

/**
 * A channel to `target`: `unix:/path/to.sock` or `host:port`. Does not wait for the server; where it may not be there
 * yet, poll with a plain connect first, since a failed attempt makes gRPC pause for a second.
 */
export function dialGrpc(target: string, options: DialOptions = {}): GrpcChannel {
  const limit = options.maxMessageBytes ?? 16 * 1024 * 1024;
  const address = addressOf(target);
  const client = new grpc.Client(
    target,
    options.tls ? tlsCredentials(options.tls, address) : grpc.credentials.createInsecure(),
    {
      // Servers written in Go refuse the escaped socket path that would otherwise be sent as the authority.
      ...(target.startsWith("unix:") ? { "grpc.default_authority": "localhost" } : {}),
      ...(address ? { "grpc.ssl_target_name_override": "localhost" } : {}),
      "grpc.max_receive_message_length": limit,
      "grpc.max_send_message_length": limit,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2000,
      "grpc.enable_http_proxy": 0,
      ...(options.keepalive
        ? {
            "grpc.keepalive_time_ms": options.keepalive.everyMs,
            "grpc.keepalive_timeout_ms": options.keepalive.timeoutMs,
          }
        : {}),
      ...(options.windowBytes ? { "grpc-node.flow_control_window": options.windowBytes } : {}),
    },
  );
  const metadataOf = (call?: CallOptions) => {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries({ ...options.metadata, ...call?.metadata })) metadata.set(name, value);
    return metadata;
  };
  // The deadline is an instant of the machine's clock: gRPC's own timers run on it.
  const callOptions = (call?: CallOptions): grpc.CallOptions =>
    call?.timeoutMs === undefined ? {} : { deadline: Date.now() + call.timeoutMs };

  return {
    unary(method, request, call) {
      return new Promise((resolve, reject) => {
        if (call?.signal?.aborted) return reject(call.signal.reason);
        const running = client.makeUnaryRequest(
          method.path,
          (message) => method.request.encode(message),
          (bytes) => method.response.decode(bytes),
          request,
          metadataOf(call),
          callOptions(call),
          (error, response) => {
            call?.signal?.removeEventListener("abort", onAbort);
            if (error) reject(call?.signal?.aborted ? call.signal.reason : toGrpcError(error, method.path));
            else resolve(response as never);
          },
        );
        const onAbort = () => running.cancel();
        call?.signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
    async *serverStream(method, request, call) {
      call?.signal?.throwIfAborted();
      const stream = client.makeServerStreamRequest(
        method.path,
        (message) => method.request.encode(message),
        (bytes) => method.response.decode(bytes),
        request,
        metadataOf(call),
        callOptions(call),
      );
      const onAbort = () => stream.cancel();
      call?.signal?.addEventListener("abort", onAbort, { once: true });
      try {
        for await (const message of stream) yield message as never;
      } catch (error) {
        throw call?.signal?.aborted ? call.signal.reason : toGrpcError(error, method.path);
      } finally {
        call?.signal?.removeEventListener("abort", onAbort);
        quiet(stream);
        stream.cancel();
      }
    },
    duplex(method, call) {
      const stream = client.makeBidiStreamRequest(
        method.path,
        (message) => method.request.encode(message as never),
        (bytes) => method.response.decode(bytes),
        metadataOf(call),
        callOptions(call),
      );
      const onAbort = () => stream.cancel();
      if (call?.signal?.aborted) onAbort();
      else call?.signal?.addEventListener("abort", onAbort, { once: true });
      const responses = async function* () {
        try {
          for await (const message of stream) yield message as never;
        } catch (error) {
          throw call?.signal?.aborted ? call.signal.reason : toGrpcError(error, method.path);
        } finally {
          call?.signal?.removeEventListener("abort", onAbort);
          quiet(stream);
          stream.cancel();
        }
      };
      return {
        responses: { [Symbol.asyncIterator]: responses },
        write: (message) =>
          new Promise((resolve, reject) => {
            stream.write(message, (error?: Error | null) =>
              error ? reject(toGrpcError(error, method.path)) : resolve(),
            );
          }),
        end: () => stream.end(),
        cancel: () => {
          quiet(stream);
          stream.cancel();
        },
      };
    },
    close: () => client.close(),
  };
}

/** The IP address of a target that is one. */
function addressOf(target: string): string | undefined {
  const host = /^\[?([0-9a-fA-F:.]+?)\]?:\d+$/.exec(target)?.[1];
  return host !== undefined && isIP(host) !== 0 ? host : undefined;
}

/** An address must not be sent as the server's name, so another one is sent, and the address checked instead. */
function tlsCredentials(
  { ca, key, cert }: NonNullable<DialOptions["tls"]>,
  address: string | undefined,
): grpc.ChannelCredentials {
  return grpc.credentials.createSsl(
    ca ?? null,
    key ?? null,
    cert ?? null,
    address ? { checkServerIdentity: (_, certificate) => checkServerIdentity(address, certificate) } : {},
  );
}

/** A cancelled stream reports its own cancellation as an error event, which nobody is left to hear. */
function quiet(stream: { on(event: "error", listener: () => void): unknown }): void {
  stream.on("error", () => {});
}

function toGrpcError(error: unknown, method: string): unknown {
  const { code, details } = error as Partial<grpc.ServiceError>;
  if (typeof code !== "number") return error;
  return new GrpcError(CODES[code] ?? "unknown", details ?? (error as Error).message, method, { cause: error });
}
