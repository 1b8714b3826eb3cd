import { contentType } from "../encoding.ts";
import type { BodySink, Reply } from "../http/exchange.ts";
import { overWebSocket, wantsWebSocket } from "../http/web-socket.ts";
import { type EncodeOptions, encodeBookmark, encodeChange, encodeError, sharedForm } from "../object-encoder.ts";
import type { WatchEvent, Watcher } from "../watch-cache/watch-cache.ts";
import { listQuery } from "./list-options.ts";
import { encodingFor, type ResourceRequest } from "./resource-request.ts";
import { selectionOf } from "./selection.ts";

/** Upstream's default of --min-request-timeout. */
export const SHORTEST_WATCH_SECONDS = 1800;

/** GET of a collection with `watch`: the changes, as they happen; in a WebSocket, each is a message of its own. */
export async function watchObjects(request: ResourceRequest): Promise<Reply> {
  const { context, resource, services } = request;
  const options = await encodingFor(request, "stream");
  const selection = selectionOf(request);
  const query = listQuery(context.request.query, true);
  const seconds = query.timeoutSeconds || services.shortestWatchSeconds * (1 + services.random.next());
  const watcher = await resource.registry.cache.watch({
    ...selection,
    resourceVersion: query.resourceVersion,
    sendInitialEvents: query.sendInitialEvents,
    bookmarks: query.allowBookmarks,
    timeoutMs: seconds * 1000,
    signal: context.request.signal,
  });
  const inMessages = wantsWebSocket(context.request);
  const reply: Reply = {
    status: 200,
    headers: { "content-type": contentType(options.encoding, true) },
    body: {
      start(sink) {
        void stream(request, watcher, sink, { ...options, inMessages });
      },
    },
  };
  if (!inMessages) return reply;
  const form = options.encoding.format === "protobuf" ? "binary" : "text";
  return overWebSocket(context.request, reply, { "": form, "*": form });
}

/** Sends what the watcher brings, a batch per write; waits while the client is slow (the watcher then gives up). */
async function stream(
  request: ResourceRequest,
  watcher: Watcher,
  sink: BodySink,
  options: EncodeOptions & { inMessages: boolean },
): Promise<void> {
  const { draining, logger } = request.services;
  const close = () => watcher.close();
  let wake: (() => void) | undefined;
  let gone = false;
  sink.onClose(() => {
    gone = true;
    close();
    wake?.();
  });
  sink.onDrain(() => wake?.());
  draining.addEventListener("abort", close, { once: true });
  if (draining.aborted) close();
  let headless = false;
  const shared = sharedForm(request.resource, options);
  try {
    for await (const batch of watcher) {
      const chunks: Uint8Array[] = [];
      for (const event of batch) {
        chunks.push(encode(request, event, { ...options, headless, shared }));
        headless ||= event.type !== "BOOKMARK";
      }
      request.services.watchEvents?.sent(request.resource, chunks);
      const pieces = options.inMessages || chunks.length === 1 ? chunks : [Buffer.concat(chunks)];
      let isTaken = true;
      for (const piece of pieces) isTaken = sink.write(piece);
      if (isTaken || gone) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
    sink.end();
  } catch (error) {
    logger.error("a watch failed", { resource: request.resource.type.resource, error });
    sink.abort(error instanceof Error ? error : undefined);
  } finally {
    draining.removeEventListener("abort", close);
  }
}

function encode(
  request: ResourceRequest,
  event: WatchEvent,
  options: EncodeOptions & { headless: boolean; shared: string },
): Uint8Array {
  if (event.type === "BOOKMARK") return encodeBookmark(request.resource, event, options.encoding);
  if (event.type === "ERROR") return encodeError(event.error.status, options.encoding);
  const now = request.services.clock.now();
  return encodeChange(request.resource, event, { ...options, now });
}
