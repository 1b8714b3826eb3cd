import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type WebSocket from "ws";
import { type ApiRequest, type BodySink, header, isChunks, isStream, type Reply } from "./exchange.ts";

/** A subprotocol that carries a client's token instead of naming a form: browsers have no other way to send one. */
export const BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

/** How the pieces of an answer become messages. */
export type MessageForm = "text" | "binary" | "base64";

/** Above this many bytes waiting for the client, it counts as slow. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** Whether the client asks for the answer in a WebSocket, on a connection that can become one. */
export function wantsWebSocket(request: ApiRequest): boolean {
  return request.upgradable && header(request, "upgrade")?.toLowerCase() === "websocket";
}

/** The subprotocols that the client offers, the one that carries its token left out. */
function offeredProtocols(request: ApiRequest): string[] {
  const offered = request.headers["sec-websocket-protocol"] ?? "";
  const names = String(offered).split(",");
  return names.map((name) => name.trim()).filter((name) => name !== "" && !name.startsWith(BEARER_PROTOCOL));
}

/**
 * Sends what a good `reply` would write as the messages of a WebSocket, one for each piece; anything else is answered as
 * it is. `forms` has the form of each subprotocol: "" for clients that offer none, "*" for any. A client that offers only
 * others gets a 403, as upstream. With `greeting` the first message is an empty one, which tells that the answer begins.
 */
export async function overWebSocket(
  request: ApiRequest,
  reply: Reply,
  forms: Readonly<Record<string, MessageForm>>,
  options: { greeting?: boolean } = {},
): Promise<Reply> {
  const { body } = reply;
  if (reply.status !== 200 || isChunks(body)) return reply;
  const offered = offeredProtocols(request);
  const isKnown = (name: string) => Object.hasOwn(forms, name) || "*" in forms;
  const protocol = offered.length === 0 ? "" : offered.find(isKnown);
  const form = protocol === undefined ? undefined : (forms[protocol] ?? forms["*"]);
  if (form === undefined) return { status: 403, headers: {} };
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  // Of a message, the library looks at the method and the headers alone; of the subprotocols, it takes the first.
  const headers = { ...request.headers, "sec-websocket-protocol": protocol || undefined };
  const message = { method: request.method, headers } as IncomingMessage;
  const upgrade = (connection: Duplex, head: Buffer) =>
    server.handleUpgrade(message, connection, head, (socket) => {
      const sink = messageSink(socket, form);
      if (options.greeting) sink.write(new Uint8Array());
      if (isStream(body)) body.start(sink);
      else {
        for (const piece of piecesOf(body)) sink.write(piece);
        sink.end();
      }
    });
  return { status: 101, headers: {}, upgrade };
}

const piecesOf = (body: Uint8Array | readonly Uint8Array[] | undefined) =>
  body === undefined ? [] : body instanceof Uint8Array ? [body] : body;

function messageSink(socket: WebSocket, form: MessageForm): BodySink {
  let drained: (() => void) | undefined;
  let isFull = false;
  const onSent = () => {
    if (!isFull || socket.bufferedAmount >= HIGH_WATER_BYTES) return;
    isFull = false;
    drained?.();
  };
  // The close that follows an error tells all there is to do.
  socket.on("error", () => {});
  return {
    write(chunk) {
      if (socket.readyState !== socket.OPEN) return false;
      const data = form === "base64" ? Buffer.from(chunk).toString("base64") : chunk;
      socket.send(data, { binary: form === "binary" }, onSent);
      isFull = socket.bufferedAmount >= HIGH_WATER_BYTES;
      return !isFull;
    },
    onDrain(callback) {
      drained = callback;
    },
    onClose(callback) {
      if (socket.readyState === socket.CLOSED) callback();
      else socket.once("close", callback);
    },
    end: () => socket.close(1000),
    abort: () => socket.terminate(),
  };
}
