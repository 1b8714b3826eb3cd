import type { Socket } from "node:net";
import { constants, createDeflate } from "node:zlib";
import type { Network } from "../../base/network.ts";

/** The runtime's streaming server did not switch to SPDY; carries its answer. */
export class SpdyUpgradeError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "SpdyUpgradeError";
    this.code = code;
  }
}

/** A connection that has switched to SPDY/3.1; nothing of SPDY has been read or written yet. */
export interface SpdySocket {
  readonly socket: Socket;
  /** What came behind the answer's head. */
  readonly head: Buffer;
  /** The subprotocol that the server chose. */
  readonly protocol: string;
}

const HEAD_LIMIT = 64 * 1024;

/** Asks the server at `url` to switch to SPDY/3.1 with one of `protocols`. Rejects with a SpdyUpgradeError where it refuses. */
export function connectSpdy(network: Network, url: string, protocols: readonly string[]): Promise<SpdySocket> {
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const host = target.hostname.replace(/^\[|\]$/g, "");
    const socket = network.net.connect({ host, port: Number(target.port), allowHalfOpen: true });
    socket.setNoDelay(true);
    let received = Buffer.alloc(0);
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    const onEnd = () =>
      fail(answer(received) ?? new SpdyUpgradeError(502, "the streaming server closed the connection"));
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) {
        if (received.length > HEAD_LIMIT) fail(new SpdyUpgradeError(502, "the streaming server's answer is too long"));
        return;
      }
      const lines = received.toString("latin1", 0, end).split("\r\n");
      // An error's text follows; it is read to the connection's end.
      if (!/^HTTP\/1\.1 101 /.test(lines[0]!)) return;
      socket.off("data", onData).off("error", fail).off("end", onEnd);
      socket.pause();
      const header = lines.find((line) => /^x-stream-protocol-version:/i.test(line));
      resolve({
        socket,
        head: received.subarray(end + 4),
        protocol: header?.slice(header.indexOf(":") + 1).trim() ?? "",
      });
    };
    socket.once("error", fail).once("end", onEnd).on("data", onData);
    const request = [
      `POST ${target.pathname}${target.search} HTTP/1.1`,
      `Host: ${target.host}`,
      "Connection: Upgrade",
      "Upgrade: SPDY/3.1",
      "Content-Length: 0",
      ...protocols.map((protocol) => `X-Stream-Protocol-Version: ${protocol}`),
    ];
    socket.write(`${request.join("\r\n")}\r\n\r\n`);
  });
}

/** What a server answered instead of switching. */
function answer(received: Buffer): SpdyUpgradeError | undefined {
  const match = /^HTTP\/1\.\d (\d+)[^\r]*\r\n[\s\S]*?\r\n\r\n([\s\S]*)$/.exec(received.toString());
  return match ? new SpdyUpgradeError(Number(match[1]), match[2]!.trim() || `status ${match[1]}`) : undefined;
}

/** One stream of a connection. */
export interface SpdyStream {
  /** False where the connection wants the writer to wait for `whenDrained`. */
  write(data: Uint8Array): boolean;
  /** Half-closes: the other side reads an end. */
  end(): void;
}

export interface SpdyHandlers {
  onData(data: Buffer): void;
  /** The other side has ended this stream, or reset it. */
  onEnd(): void;
}

/** The client's side of a SPDY/3.1 connection, as far as remote commands need it. */
export interface SpdyConnection {
  /** Opens a stream; the server answers in its time. Streams are numbered in the order of these calls. */
  open(headers: Readonly<Record<string, string>>, handlers: SpdyHandlers): Promise<SpdyStream>;
  whenDrained(callback: () => void): void;
  /** Stops reading until `resume`: back-pressure for all streams. */
  pause(): void;
  resume(): void;
  close(): void;
}

const FRAME = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;
const FIN = 1;

/**
 * Speaks SPDY/3.1 (the protocol's draft 3.1, sections 2.2 to 2.6) on a connection that has switched to it. Flow-control
 * windows are not kept: the servers of container runtimes neither send nor heed them. The server's headers are not read,
 * so that no dictionary is needed: a header block may be compressed without one.
 */
export function spdyConnection({ socket, head }: SpdySocket, onClose: () => void): SpdyConnection {
  const streams = new Map<number, SpdyHandlers>();
  const deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH });
  let compressing: Promise<unknown> = Promise.resolve();
  let nextId = 1;
  let buffered: Buffer = head;

  const finish = (id: number) => {
    const handlers = streams.get(id);
    streams.delete(id);
    handlers?.onEnd();
  };
  const onControl = (type: number, body: Buffer) => {
    if (type === FRAME.reset) finish(body.readUInt32BE(0) & 0x7fffffff);
    // A ping with an odd number is the answer to one of ours, of which there are none.
    else if (type === FRAME.ping && body.readUInt32BE(0) % 2 === 0) socket.write(control(FRAME.ping, 0, body));
    else if (type === FRAME.goAway) socket.end();
  };
  const parse = (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    let at = 0;
    while (buffered.length - at >= 8) {
      const length = buffered.readUIntBE(at + 5, 3);
      if (buffered.length - at < 8 + length) break;
      const first = buffered.readUInt32BE(at);
      const flags = buffered[at + 4]!;
      const body = buffered.subarray(at + 8, at + 8 + length);
      at += 8 + length;
      if (first & 0x80000000) onControl(first & 0xffff, body);
      else if (body.length > 0) streams.get(first)?.onData(body);
      const id = first & 0x80000000 ? ((first & 0xffff) === FRAME.synReply ? body.readUInt32BE(0) : 0) : first;
      if (flags & FIN && id) finish(id);
    }
    buffered = buffered.subarray(at);
  };
  socket.on("data", parse);
  socket.on("end", () => socket.end());
  socket.on("error", () => socket.destroy());
  socket.once("close", () => {
    deflate.close();
    for (const id of [...streams.keys()]) finish(id);
    onClose();
  });
  if (head.length > 0) parse(Buffer.alloc(0));
  socket.resume();

  /** All header blocks of a connection are one compressed stream, so they are made one after the other. */
  const compress = (block: Buffer): Promise<Buffer> => {
    const result = compressing.then(
      () =>
        new Promise<Buffer>((resolve, reject) => {
          const parts: Buffer[] = [];
          const collect = (part: Buffer) => parts.push(part);
          deflate.on("data", collect);
          deflate.once("error", reject);
          deflate.write(block, () => {
            deflate.flush(constants.Z_SYNC_FLUSH, () => {
              deflate.off("data", collect).off("error", reject);
              resolve(Buffer.concat(parts));
            });
          });
        }),
    );
    compressing = result.catch(() => {});
    return result;
  };

  return {
    async open(headers, handlers) {
      const id = nextId;
      nextId += 2;
      streams.set(id, handlers);
      const prefix = Buffer.alloc(10);
      prefix.writeUInt32BE(id, 0);
      socket.write(control(FRAME.synStream, 0, Buffer.concat([prefix, await compress(headerBlock(headers))])));
      return {
        write: (data) => socket.write(dataFrame(id, 0, data)),
        end: () => void socket.write(dataFrame(id, FIN, Buffer.alloc(0))),
      };
    },
    whenDrained: (callback) => void socket.once("drain", callback),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.destroy(),
  };
}

function control(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8003, 0);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

function dataFrame(id: number, flags: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(id, 0);
  head[4] = flags;
  head.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([head, data]);
}

function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  };
  const entries = Object.entries(headers);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(entries.length);
  return Buffer.concat([count, ...entries.flatMap(([name, value]) => [...text(name.toLowerCase()), ...text(value)])]);
}
