import type WebSocket from "ws";
import type { Network } from "../../base/network.ts";
import type { StreamOptions } from "../runtime.ts";
import { connectSpdy, type SpdyStream, spdyConnection } from "./spdy.ts";
import { join, type UpgradeRequest } from "./upgrade-proxy.ts";

/** Remote commands over WebSocket with a message that half-closes a channel (KEP-4006). */
export const CHANNELS_V5 = "v5.channel.k8s.io";
/** SPDY in the binary messages of a WebSocket, for port-forward (KEP-4006). */
export const TUNNELED_PORT_FORWARD = "SPDY/3.1+portforward.k8s.io";

/** Whether a request asks for a WebSocket with this subprotocol among others. */
export function offersProtocol({ request }: UpgradeRequest, protocol: string): boolean {
  if (request.headers.upgrade?.toLowerCase() !== "websocket") return false;
  const offered = request.headers["sec-websocket-protocol"] ?? "";
  return offered.split(",").some((name) => name.trim() === protocol);
}

async function accept({ request, socket, head }: UpgradeRequest, protocol: string): Promise<WebSocket> {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  // The library refuses names with a slash, so that it is not shown the choice, and the answer's header is added.
  delete request.headers["sec-websocket-protocol"];
  server.on("headers", (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve));
}

/** Serves port-forward over a WebSocket that carries SPDY. Rejects before the upgrade where the runtime refuses. */
export async function tunnelPortForward(network: Network, url: string, upgrade: UpgradeRequest): Promise<void> {
  const { socket, head } = await connectSpdy(network, url, ["portforward.k8s.io"]);
  const web = await accept(upgrade, TUNNELED_PORT_FORWARD);
  const { createWebSocketStream } = await import("ws");
  const stream = createWebSocketStream(web);
  if (head.length > 0) stream.write(head);
  join(stream, socket);
}

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
const CLOSE = 255;
/** Above this many bytes waiting for the client, the runtime's side is not read. */
const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * Serves exec or attach over WebSocket v5 by a SPDY connection to the runtime, whose streams can be half-closed. Rejects
 * before the upgrade where the runtime refuses. Runs on until both sides are done.
 */
export async function translateRemoteCommand(
  network: Network,
  url: string,
  upgrade: UpgradeRequest,
  options: StreamOptions,
): Promise<void> {
  const spdySocket = await connectSpdy(network, url, ["v4.channel.k8s.io"]);
  const web = await accept(upgrade, CHANNELS_V5);
  const open = new Set<number>();
  const finish = () => {
    // 1000: a normal end; the result went through the error channel before.
    if (web.readyState === web.OPEN) web.close(1000);
    spdy.close();
  };
  const spdy = spdyConnection(spdySocket, finish);
  web.on("error", () => spdy.close());
  web.once("close", () => spdy.close());

  const receive = (streamType: string, channel: number): Promise<SpdyStream> => {
    open.add(channel);
    return spdy.open(
      { streamType },
      {
        onData(data) {
          if (web.readyState !== web.OPEN) return;
          const message = Buffer.allocUnsafe(data.length + 1);
          message[0] = channel;
          data.copy(message, 1);
          web.send(message, () => {
            if (web.bufferedAmount < HIGH_WATER_BYTES) spdy.resume();
          });
          if (web.bufferedAmount >= HIGH_WATER_BYTES) spdy.pause();
        },
        onEnd() {
          open.delete(channel);
          if (open.size === 0) finish();
        },
      },
    );
  };
  const send = (streamType: string) => spdy.open({ streamType }, { onData() {}, onEnd() {} });

  // The server waits for exactly these; the order is that of upstream's clients. What the client sends meanwhile waits.
  web.pause();
  const senders = new Map<number, SpdyStream>();
  const error = await receive("error", CHANNEL.error);
  error.end();
  if (options.stdin) senders.set(CHANNEL.stdin, await send("stdin"));
  if (options.stdout) await receive("stdout", CHANNEL.stdout);
  if (options.stderr && !options.tty) await receive("stderr", CHANNEL.stderr);
  if (options.tty) senders.set(CHANNEL.resize, await send("resize"));

  web.on("message", (raw: WebSocket.RawData) => {
    const message = Array.isArray(raw) ? Buffer.concat(raw) : Buffer.from(raw as Buffer);
    const channel = message[0];
    if (channel === CLOSE) {
      senders.get(message[1] ?? -1)?.end();
      senders.delete(message[1] ?? -1);
      return;
    }
    const sender = channel === undefined ? undefined : senders.get(channel);
    if (!sender || message.length < 2) return;
    if (!sender.write(message.subarray(1))) {
      web.pause();
      spdy.whenDrained(() => web.resume());
    }
  });
  web.resume();
}
