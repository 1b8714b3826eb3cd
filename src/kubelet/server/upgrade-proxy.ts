import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Network } from "../../base/network.ts";

/** A connection that asks to become something else than HTTP: what Node's `upgrade` event hands over. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the request's head. */
  readonly head: Buffer;
}

const REASONS: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  500: "Internal Server Error",
  502: "Bad Gateway",
};

/** Answers an upgrade request with an error, in plain text, and closes the connection. */
export function refuseUpgrade(socket: Duplex, code: number, message: string): void {
  const reason = REASONS[code] ?? "Error";
  const body = Buffer.from(`${message}\n`);
  socket.on("error", () => socket.destroy());
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${code} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      ),
      body,
    ]),
  );
}

/** Headers that are the connection's own business, or not the runtime's. */
const NOT_FORWARDED = new Set(["host", "authorization"]);

/**
 * Sends an upgrade request on to `url` and from then on carries bytes both ways, the answer's status line included, until
 * both sides have ended or one has broken off. Each side's end is passed on. Understands nothing of what it carries.
 */
export function proxyUpgrade(network: Network, url: string, { request, socket, head }: UpgradeRequest): void {
  const target = new URL(url);
  const upstream = network.net.connect({
    host: target.hostname.replace(/^\[|\]$/g, ""),
    port: Number(target.port),
    allowHalfOpen: true,
  });
  upstream.setNoDelay(true);
  upstream.once("connect", () => {
    if (socket.destroyed) return upstream.destroy();
    const lines = [`${request.method} ${target.pathname}${target.search} HTTP/1.1`, `Host: ${target.host}`];
    for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
      const name = request.rawHeaders[index]!;
      if (!NOT_FORWARDED.has(name.toLowerCase())) lines.push(`${name}: ${request.rawHeaders[index + 1]}`);
    }
    upstream.write(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
    join(socket, upstream);
  });
  upstream.once("error", (error) => {
    if (upstream.connecting || upstream.bytesWritten === 0) {
      refuseUpgrade(socket, 502, `the runtime's streaming server can't be reached: ${error.message}`);
    }
  });
}

/** Carries bytes both ways, with back-pressure and half-closes, and lets go of both when one is gone. */
export function join(a: Duplex, b: Duplex): void {
  const release = (from: Duplex, to: Duplex) => {
    // A broken side is told by its close; the error itself says no more than that.
    from.on("error", () => from.destroy());
    from.once("close", () => ("destroySoon" in to ? (to as Socket).destroySoon() : to.destroy()));
  };
  release(a, b);
  release(b, a);
  a.pipe(b);
  b.pipe(a);
}
