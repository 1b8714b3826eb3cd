/**
 * The ceiling of the server: as little as Node can do to send bytes that are at hand over TLS, by HTTP/1.1 and HTTP/2. A GET
 * of a path answers the bytes that it was given; one of /watch gets a stream, to which changes are written.
 */

import { readFile } from "node:fs/promises";
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import { createServer } from "node:https";
import type { Writable } from "node:stream";
import { serveCommands } from "./process.ts";

/** What Node sends best: see the findings of the server's WRITE_CHUNK_BYTES. */
const CHUNK_BYTES = 256 * 1024;

const bodies = new Map<string, Buffer>();
const watchers = new Set<ServerHttp2Stream>();

function send(stream: Writable, body: Buffer): void {
  let at = 0;
  const next = () => {
    while (at < body.length) {
      const chunk = body.subarray(at, at + CHUNK_BYTES);
      at += CHUNK_BYTES;
      if (!stream.write(chunk)) {
        stream.once("drain", next);
        return;
      }
    }
    stream.end();
  };
  if (body.length <= CHUNK_BYTES) stream.end(body);
  else next();
}

/** HTTP/1.1 on `port`, HTTP/2 on `http2Port`. */
async function start(options: { directory: string; port: number; http2Port: number }): Promise<void> {
  const read = (name: string) => readFile(`${options.directory}/${name}`);
  const tls = {
    cert: await read("server.crt"),
    key: await read("server.key"),
    ca: await read("ca.crt"),
    requestCert: true,
  };
  const plain = createServer(tls, (request, response) => {
    const body = bodies.get(request.url!)!;
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    send(response, body);
  });
  const multiplexed = createSecureServer({ ...tls, settings: { maxConcurrentStreams: 1000 } });
  multiplexed.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (headers[":path"] === "/watch") {
      stream.respond({ ":status": 200, "content-type": "application/json" });
      watchers.add(stream as ServerHttp2Stream);
      stream.on("close", () => watchers.delete(stream as ServerHttp2Stream));
      return;
    }
    const body = bodies.get(headers[":path"]!)!;
    stream.respond({ ":status": 200, "content-type": "application/json", "content-length": body.length });
    send(stream, body);
  });
  await new Promise<void>((resolve) => void plain.listen(options.port, "127.0.0.1", resolve));
  await new Promise<void>((resolve) => void multiplexed.listen(options.http2Port, "127.0.0.1", resolve));
}

serveCommands({
  start,
  body({ path, bytes }: { path: string; bytes: string }) {
    bodies.set(path, Buffer.from(bytes, "base64"));
  },
  async bodyFile({ path, file }: { path: string; file: string }) {
    bodies.set(path, await readFile(file));
  },
  /** Writes `bytes` to every watcher. */
  publish(bytes: string) {
    const event = Buffer.from(bytes);
    for (const stream of watchers) stream.write(event);
  },
});
