import type { UserInfo } from "../../api/user.ts";
import { ConnectionError } from "../../client/client.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../client/transport.ts";
import { bufferedBody, writeChunks } from "./body.ts";
import {
  type ApiRequest,
  type BodyChunks,
  type BodyStream,
  type Handler,
  isChunks,
  isStream,
  parseTarget,
  type Reply,
} from "./exchange.ts";
import { RequestLifetime } from "./request-lifetime.ts";

/** Bytes queued for a reader in this process, beyond which a stream is told to wait. */
const QUEUE_BYTES = 4 * 1024 * 1024;

/**
 * A transport into `handler` (the whole filter chain) that speaks for `user`, without sockets. Bodies are handed over
 * as they are: the receiver must not change their bytes. Once `ended` is aborted, nobody answers any more.
 */
export function inProcessTransport(handler: Handler, user: UserInfo, ended?: AbortSignal): Transport {
  const running = new Set<RequestLifetime>();
  let closed = false;
  return {
    async request(request) {
      if (closed) throw new ConnectionError("the transport is closed");
      if (ended?.aborted) throw new ConnectionError("the server has stopped");
      request.signal?.throwIfAborted();
      const target = parseTarget(request.path);
      if (!target) throw new Error(`malformed path ${JSON.stringify(request.path)}`);
      const lifetime = new RequestLifetime();
      const body = typeof request.body === "string" ? Buffer.from(request.body) : (request.body ?? new Uint8Array());
      const received: ApiRequest = {
        method: request.method,
        url: request.path,
        path: target.path,
        query: target.query,
        headers: request.headers ?? {},
        body: bufferedBody(body),
        get signal() {
          return lifetime.signal;
        },
        protocol: "in-process",
        identity: user,
        upgradable: false,
      };
      return answer(handler, received, request, lifetime, running);
    },
    async close() {
      closed = true;
      for (const lifetime of running) lifetime.gone(new DOMException("the transport was closed", "AbortError"));
    },
  };
}

async function answer(
  handler: Handler,
  received: ApiRequest,
  request: TransportRequest,
  lifetime: RequestLifetime,
  running: Set<RequestLifetime>,
): Promise<TransportResponse> {
  running.add(lifetime);
  const { signal } = request;
  const onAbort = () => lifetime.gone(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const finish = () => {
    running.delete(lifetime);
    signal?.removeEventListener("abort", onAbort);
    lifetime.answered();
  };
  try {
    // The bytes are shared: there is nothing to be sent.
    const handled = handler(received).then((reply) => {
      reply.sent?.();
      return reply;
    });
    const reply = await (signal ? orAborted(handled, signal) : handled);
    const headers: Record<string, string> = {};
    for (const name in reply.headers) {
      const value = reply.headers[name]!;
      headers[name] = typeof value === "string" ? value : value.join(", ");
    }
    const { body, status } = reply;
    if (body !== undefined && isStream(body) && request.method !== "HEAD") {
      return { status, headers, body: streamed(body, lifetime, finish) };
    }
    finish();
    if (body === undefined || isStream(body) || request.method === "HEAD") return { status, headers, body: nothing() };
    return { status, headers, body: isChunks(body) ? produced(body) : pieces(body) };
  } catch (error) {
    finish();
    throw error;
  }
}

/** The reply, or a rejection as soon as nobody waits for it any more. */
function orAborted(reply: Promise<Reply>, signal: AbortSignal): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    reply.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* pieces(body: Uint8Array | readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* writeChunks(body);
}

/** Hands over copies, as a chunk's bytes don't last; others get their turn in between. */
async function* produced(body: BodyChunks): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    yield Uint8Array.from(chunk);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Joins a pushing stream to a pulling reader. A reader that stops early ends the request. */
function streamed(body: BodyStream, lifetime: RequestLifetime, finish: () => void): AsyncIterable<Uint8Array> {
  const queue: Uint8Array[] = [];
  let queued = 0;
  let full = false;
  let state = "open" as "open" | "ended" | "closed";
  let failure: unknown;
  let wake: (() => void) | undefined;
  const drains: (() => void)[] = [];
  const closes: (() => void)[] = [];
  const close = (error?: unknown) => {
    if (state === "closed") return;
    state = "closed";
    failure ??= error;
    finish();
    for (const callback of closes.splice(0)) callback();
    wake?.();
  };
  lifetime.signal.addEventListener("abort", () => close(lifetime.signal.reason), { once: true });

  body.start({
    write(chunk) {
      if (state !== "open") return false;
      queue.push(chunk);
      queued += chunk.length;
      wake?.();
      full = queued >= QUEUE_BYTES;
      return !full;
    },
    onDrain: (callback) => void drains.push(callback),
    onClose: (callback) => (state === "closed" ? callback() : void closes.push(callback)),
    end() {
      if (state !== "open") return;
      state = "ended";
      wake?.();
    },
    abort: (error) => close(error ?? new Error("answer broken off")),
  });

  return (async function* () {
    try {
      while (true) {
        const chunk = queue.shift();
        if (chunk) {
          queued -= chunk.length;
          if (full && queued < QUEUE_BYTES / 2) {
            full = false;
            for (const callback of drains) callback();
          }
          yield chunk;
          continue;
        }
        if (state === "closed") {
          if (failure) throw failure;
          return;
        }
        if (state === "ended") return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    } finally {
      // A reader that stops early has gone away, as far as the stream is concerned.
      if (state === "open") lifetime.gone();
      close();
    }
  })();
}
