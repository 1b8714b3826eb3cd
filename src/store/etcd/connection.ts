import { type Clock, sleep } from "../../base/clock.ts";
import { type DuplexCall, dialGrpc, type GrpcChannel, GrpcError, type GrpcMethod } from "../../base/grpc.ts";
import type { Logger } from "../../base/logger.ts";
import { parseEndpoint } from "../etcd-endpoint.ts";
import { explain, isPassing } from "./failure.ts";

export interface EtcdConnectionOptions {
  /** `https://10.0.0.1:2379` or `http://…`, one for each member that may be asked. */
  endpoints: readonly string[];
  /** PEM. `ca` absent: the system's CAs. Only for https endpoints. */
  tls?: { ca?: string; certificate?: string; key?: string };
  clock: Clock;
  logger: Logger;
  /** How long a call may take, attempts at other members included. Default 10 s. */
  requestTimeoutMs?: number;
}

/** As upstream's client: a connection that says nothing is asked every 30 s, and given up after 10 s more. */
const KEEPALIVE = { everyMs: 30_000, timeoutMs: 10_000 };
const REQUEST_TIMEOUT_MS = 10_000;
const RETRY_MS = 100;
/** So that lists are not held up by acknowledgements (HTTP/2's default is 64 KiB). */
const WINDOW_BYTES = 4 * 2 ** 20;
/** The largest answer that is accepted; etcd itself sets no bound to what a page of a list may hold. */
const ANSWER_BYTES = 512 * 2 ** 20;

/**
 * A connection to the members of an etcd cluster. All goes to one member until that fails, then to the next.
 *
 * A call that only reads is tried again at another member until its time is over. A write is tried again only where it
 * was certainly never sent: what became of one that was is for the caller to find out.
 */
export interface EtcdConnection {
  /** The member that is asked now. */
  readonly endpoint: string;
  readonly endpoints: readonly string[];
  read<Req, Res>(method: GrpcMethod<Req, Res>, request: Req): Promise<Res>;
  write<Req, Res>(method: GrpcMethod<Req, Res>, request: Req): Promise<Res>;
  /** One call to one member, for its maintenance. */
  member<Req, Res>(endpoint: string, method: GrpcMethod<Req, Res>, request: Req, timeoutMs: number): Promise<Res>;
  /** A stream to the member that is asked now; it breaks when that member loses the others. */
  stream<Req, Res>(method: GrpcMethod<Req, Res>): DuplexCall<Req, Res>;
  /** Goes on with the next member, unless that has happened since `endpoint` was asked. */
  giveUp(endpoint: string): void;
  close(): void;
}

/** Makes the watch of a member that is cut off from the others end, instead of falling silent. */
const REQUIRE_LEADER = { hasleader: "true" };

export function etcdConnection(options: EtcdConnectionOptions): EtcdConnection {
  const { endpoints, clock, logger, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const addresses = endpoints.map((endpoint) => parseEndpoint(endpoint));
  const channels = new Map<string, GrpcChannel>();
  let current = 0;
  let closed = false;

  const channelOf = (endpoint: string): GrpcChannel => {
    if (closed) throw new Error("the store is closed");
    let channel = channels.get(endpoint);
    if (!channel) {
      const { target, secure } = addresses[endpoints.indexOf(endpoint)]!;
      const { ca, certificate, key } = options.tls ?? {};
      channel = dialGrpc(target, {
        ...(secure ? { tls: { ...pem("ca", ca), ...pem("cert", certificate), ...pem("key", key) } } : {}),
        keepalive: KEEPALIVE,
        windowBytes: WINDOW_BYTES,
        maxMessageBytes: ANSWER_BYTES,
      });
      channels.set(endpoint, channel);
    }
    return channel;
  };
  const giveUp = (endpoint: string) => {
    if (endpoints.length === 1 || endpoint !== endpoints[current]) return;
    current = (current + 1) % endpoints.length;
    logger.info("asking another member of etcd", { failed: endpoint, next: endpoints[current] });
  };

  const call = async <Req, Res>(
    method: GrpcMethod<Req, Res>,
    request: Req,
    mayRepeat: (error: GrpcError) => boolean,
  ): Promise<Res> => {
    const end = clock.monotonic() + requestTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      const endpoint = endpoints[current]!;
      const channel = channelOf(endpoint);
      const left = end - clock.monotonic();
      try {
        // No member gets all of the time where there are others.
        const share = mayRepeat(HANGING) && endpoints.length > 1 ? Math.min(left, requestTimeoutMs / 2) : left;
        return await channel.unary(method, request, { timeoutMs: share });
      } catch (error) {
        if (closed) throw new Error("the store is closed");
        if (!isPassing(error)) throw error;
        giveUp(endpoint);
        const over = clock.monotonic() + RETRY_MS >= end;
        if (over || !mayRepeat(error as GrpcError)) throw explain(error, endpoint);
        // The next member at once; then from the beginning after a while.
        if (attempt % endpoints.length === 0) await sleep(clock, RETRY_MS);
      }
    }
  };

  return {
    get endpoint() {
      return endpoints[current]!;
    },
    endpoints,
    read: (method, request) => call(method, request, () => true),
    write: (method, request) => call(method, request, (error) => error.neverSent),
    async member(endpoint, method, request, timeoutMs) {
      try {
        return await channelOf(endpoint).unary(method, request, { timeoutMs });
      } catch (error) {
        throw explain(error, endpoint);
      }
    },
    stream: (method) => channelOf(endpoints[current]!).duplex(method, { metadata: REQUIRE_LEADER }),
    giveUp,
    close() {
      closed = true;
      for (const channel of channels.values()) channel.close();
    },
  };
}

/** Stands for a call that a member leaves without an answer. */
const HANGING = new GrpcError("deadline-exceeded", "", "");

const pem = <K extends string>(name: K, text: string | undefined) =>
  (text === undefined ? {} : { [name]: Buffer.from(text) }) as { [N in K]?: Buffer };
