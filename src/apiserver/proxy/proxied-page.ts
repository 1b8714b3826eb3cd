import type { Transform } from "node:stream";
import { type BodySink, type BodyStream, isStream, type Reply } from "../http/exchange.ts";
import { linkRewriter } from "./html-links.ts";

/** Where a proxied answer comes from and how its client sees it. */
export interface ProxiedPlace {
  /** The path under which the client finds the target's root, without a slash at its end. */
  readonly prefix: string;
  /** `host:port` of the target. */
  readonly target: string;
  /** The server as the client called it. */
  readonly clientHost: string | undefined;
}

/**
 * An answer as it must be for its links and redirects to lead through the proxy again: those that begin at the target's
 * root. Pages are rewritten as they pass; encodings other than gzip and deflate are not opened.
 */
export async function proxiedReply(reply: Reply, place: ProxiedPlace): Promise<Reply> {
  const { location, "content-type": type } = reply.headers;
  if (typeof location === "string") {
    return { ...reply, headers: { ...reply.headers, location: proxiedUrl(location, place) } };
  }
  const isPage =
    String(type ?? "")
      .split(";")[0]!
      .trim()
      .toLowerCase() === "text/html";
  if (!isPage || !reply.body || !isStream(reply.body)) return reply;
  const coding = await codingOf(String(reply.headers["content-encoding"] ?? ""));
  if (!coding) return reply;
  const { "content-length": _, ...headers } = reply.headers;
  return { ...reply, headers, body: rewrittenPage(reply.body, place, coding) };
}

/** A URL found in an answer of the target, as the client must ask for it. */
export function proxiedUrl(url: string, { prefix, target, clientHost }: ProxiedPlace): string {
  const [, origin = "", host, path = ""] = /^((?:https?:)?\/\/([^/?#]*))?(.*)$/is.exec(url) ?? [];
  if (!path.startsWith("/") && !(origin && path === "")) return url;
  if (host !== undefined && host !== target && host !== clientHost) return url;
  const kept = host !== undefined && host === clientHost ? origin : "";
  return path === prefix || path.startsWith(`${prefix}/`) ? kept + path : kept + prefix + path;
}

/** How to open a body and to close it again; empty where it is not encoded. */
type Coding = { open?: () => Transform; close?: () => Transform };

async function codingOf(encoding: string): Promise<Coding | undefined> {
  if (encoding === "" || encoding === "identity") return {};
  if (encoding !== "gzip" && encoding !== "deflate") return undefined;
  const { createGunzip, createGzip, createInflate, createDeflate } = await import("node:zlib");
  return encoding === "gzip"
    ? { open: createGunzip, close: createGzip }
    : { open: createInflate, close: createDeflate };
}

function rewrittenPage(body: BodyStream, place: ProxiedPlace, { open, close }: Coding): BodyStream {
  return {
    start(sink) {
      const rewriter = linkRewriter((url) => proxiedUrl(url, place));
      const outer = close ? through(close(), sink) : sink;
      const page: BodySink = {
        ...outer,
        write(chunk) {
          const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
          const done = rewriter.push(text);
          return done === "" || outer.write(Buffer.from(done, "latin1"));
        },
        end() {
          const rest = rewriter.end();
          if (rest !== "") outer.write(Buffer.from(rest, "latin1"));
          outer.end();
        },
      };
      body.start(open ? through(open(), page) : page);
    },
  };
}

/** A sink whose chunks go through `transform` to `sink`, no faster than that takes them. */
function through(transform: Transform, sink: BodySink): BodySink {
  transform.on("data", (chunk: Buffer) => {
    if (!sink.write(chunk)) transform.pause();
  });
  transform.on("end", () => sink.end());
  transform.on("error", (error) => sink.abort(error));
  sink.onDrain(() => transform.resume());
  sink.onClose(() => transform.destroy());
  return {
    write: (chunk) => transform.write(chunk),
    onDrain: (callback) => void transform.on("drain", callback),
    onClose: (callback) => sink.onClose(callback),
    end: () => void transform.end(),
    abort: (error) => sink.abort(error),
  };
}
