import { connect, type TLSSocket } from "node:tls";
import type { Credentials } from "./credentials.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;
const INITIAL_WINDOW = 4;
const LARGEST_WINDOW = 2 ** 31 - 1;
/** What a connection may send before it is told to go on. */
const FIRST_WINDOW = 65_535;

interface Stream {
  onData(data: Buffer): void;
  onEnd(failure?: Error): void;
}

/** One HTTP/2 connection for many streams, which reads no more of the frames than it must. */
export class Http2Connection {
  readonly #socket: TLSSocket;
  readonly #streams = new Map<number, Stream>();
  #next = 1;
  #rest: Buffer = Buffer.alloc(0);
  #received = 0;

  static open(port: number, credentials: Credentials): Promise<Http2Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, ALPNProtocols: ["h2"], ...credentials }, () =>
        resolve(new Http2Connection(socket)),
      );
      socket.once("error", reject);
    });
  }

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(INITIAL_WINDOW, 0);
    settings.writeUInt32BE(LARGEST_WINDOW, 2);
    socket.write(PREFACE);
    this.#frame(FRAME.settings, 0, 0, settings);
    this.#widen(LARGEST_WINDOW - FIRST_WINDOW);
    socket.on("data", (data: Buffer) => this.#take(data));
    const fail = (error: Error) => {
      for (const stream of this.#streams.values()) stream.onEnd(error);
      this.#streams.clear();
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the connection was closed")));
  }

  /** Opens a stream with a GET; `onData` gets its body as it comes. Resolves when it has ended. */
  get(headers: Buffer, onData: (data: Buffer) => void = () => {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = this.#next;
      this.#next += 2;
      this.#streams.set(id, { onData, onEnd: (failure) => (failure ? reject(failure) : resolve()) });
      this.#frame(FRAME.headers, FLAG.endStream | FLAG.endHeaders, id, headers);
    });
  }

  close(): void {
    this.#streams.clear();
    this.#socket.destroy();
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }

  #widen(by: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(by);
    this.#frame(FRAME.windowUpdate, 0, 0, payload);
  }

  #take(data: Buffer): void {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data;
    let at = 0;
    while (all.length - at >= 9) {
      const length = all.readUIntBE(at, 3);
      if (all.length - at - 9 < length) break;
      const id = all.readUInt32BE(at + 5) & LARGEST_WINDOW;
      this.#receive(all[at + 3]!, all[at + 4]!, id, all.subarray(at + 9, at + 9 + length));
      at += 9 + length;
    }
    this.#rest = all.subarray(at);
  }

  #receive(type: number, flags: number, id: number, payload: Buffer): void {
    const stream = this.#streams.get(id);
    if (type === FRAME.data) {
      this.#received += payload.length;
      if (this.#received > LARGEST_WINDOW / 2) {
        this.#widen(this.#received);
        this.#received = 0;
      }
      if (payload.length > 0) stream?.onData(payload);
    } else if (type === FRAME.headers && payload[payload[0]! >> 5 === 1 ? 1 : 0] !== STATUS_200) {
      this.#streams.delete(id);
      stream?.onEnd(new Error(`a request was not answered with 200`));
      return;
    } else if (type === FRAME.settings && !(flags & FLAG.ack)) {
      this.#frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(0));
    } else if (type === FRAME.ping && !(flags & FLAG.ack)) {
      this.#frame(FRAME.ping, FLAG.ack, 0, payload);
    } else if (type === FRAME.goAway) {
      this.#socket.destroy(new Error(`GOAWAY ${payload.readUInt32BE(4)}: ${payload.subarray(8)}`));
    }
    const isLast = (type === FRAME.data || type === FRAME.headers) && (flags & FLAG.endStream) !== 0;
    if (!isLast && type !== FRAME.reset) return;
    this.#streams.delete(id);
    stream?.onEnd(type === FRAME.reset ? new Error(`a stream was reset: ${payload.readUInt32BE(0)}`) : undefined);
  }
}

/** `:status: 200` in HPACK's static table. */
const STATUS_200 = 0x88;

/** The headers of a GET in HPACK, without compression. */
export function http2Get(path: string): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
    const rest: number[] = [];
    for (let left = bytes.length - 127; ; left >>= 7) {
      rest.push(left > 127 ? (left & 127) | 128 : left);
      if (left <= 127) break;
    }
    return Buffer.concat([Buffer.of(127, ...rest), bytes]);
  };
  return Buffer.concat([
    Buffer.of(0x82, 0x87, 0x01), // :method GET, :scheme https, :authority
    text("127.0.0.1"),
    Buffer.of(0x04), // :path
    text(path),
    Buffer.of(0x0f, 0x04), // accept
    text("application/json"),
    Buffer.of(0x0f, 0x2b), // user-agent
    text("bench"),
  ]);
}
