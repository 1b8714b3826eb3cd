import { connect, type TLSSocket } from "node:tls";
import type { Credentials } from "./credentials.ts";

export interface Answer {
  status: number;
  /** Length of the body as it came: with the marks of its chunks, where it came in chunks. */
  bytes: number;
  /** From the request to the first byte of the answer, and to its last. */
  firstMs: number;
  ms: number;
  /** Kept only where it was asked for. */
  body: Buffer | undefined;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** One HTTP/1.1 connection that costs the load's processor next to nothing: it finds where answers end, and no more. */
export class Http1Connection {
  readonly #socket: TLSSocket;
  #head: Buffer | undefined;
  #status = 0;
  #left = 0;
  #chunked = false;
  #bytes = 0;
  #kept: Buffer[] | undefined;
  #sent = 0;
  #first = 0;
  #done: ((answer: Answer) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  static open(port: number, credentials: Credentials): Promise<Http1Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, ALPNProtocols: ["http/1.1"], ...credentials }, () =>
        resolve(new Http1Connection(socket)),
      );
      socket.once("error", reject);
    });
  }

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (data: Buffer) => this.#take(data));
    const fail = (error: Error) => this.#failed?.(error);
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the connection was closed")));
  }

  /** Sends a request as it is; one at a time. */
  send(request: string | Buffer, keep = false): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
      this.#kept = keep ? [] : undefined;
      this.#bytes = 0;
      this.#first = 0;
      this.#sent = performance.now();
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    if (this.#first === 0) this.#first = performance.now();
    let body = data;
    if (this.#status === 0) {
      this.#head = this.#head ? Buffer.concat([this.#head, data]) : data;
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.#head.toString("latin1", 0, end);
      body = this.#head.subarray(end + HEAD_END.length);
      this.#head = undefined;
      this.#status = Number(head.slice(9, 12));
      const length = /content-length: *(\d+)/i.exec(head);
      this.#chunked = !length;
      this.#left = length ? Number(length[1]) : Number.POSITIVE_INFINITY;
    }
    this.#bytes += body.length;
    this.#left -= body.length;
    this.#kept?.push(body);
    const ended = this.#chunked ? body.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK) : this.#left === 0;
    if (!ended) return;
    const kept = this.#kept && Buffer.concat(this.#kept);
    const answer: Answer = {
      status: this.#status,
      bytes: this.#bytes,
      firstMs: this.#first - this.#sent,
      ms: performance.now() - this.#sent,
      body: kept && (this.#chunked ? unchunked(kept) : kept),
    };
    this.#status = 0;
    const done = this.#done!;
    this.#done = undefined;
    this.#failed = undefined;
    done(answer);
  }
}

/** A body without the marks of its chunks. */
function unchunked(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf("\r\n", at);
    const length = Number.parseInt(body.toString("latin1", at, end), 16);
    if (length === 0) return Buffer.concat(pieces);
    pieces.push(body.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}

/** A request with its headers. */
export function http1Request(
  method: string,
  path: string,
  options: { headers?: Readonly<Record<string, string>>; body?: object } = {},
): Buffer {
  const body = options.body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(options.body));
  const headers: Record<string, string> = { host: "127.0.0.1", "user-agent": "bench", accept: "application/json" };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET") headers["content-length"] = String(body.length);
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (const [name, value] of Object.entries({ ...headers, ...options.headers })) head += `${name}: ${value}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`), body]);
}
