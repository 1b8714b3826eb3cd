import { apiVersionOf, type KubeList, type KubeObject, type ResourceType, resourcePath } from "../api/object.ts";
import type { DeleteOptions, Status } from "../api/types/meta.v1.ts";
import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import type {
  Client,
  ListOptions,
  PatchType,
  ResourceClient,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./client.ts";
import { ConnectionError } from "./client.ts";
import { statusErrorOf } from "./error-response.ts";
import { jsonLines } from "./json-lines.ts";
import { readBody, type Transport, type TransportRequest, type TransportResponse } from "./transport.ts";

export interface ClientOptions {
  /** Sent as User-Agent; the server derives the field manager of writes from the part before the slash. */
  userAgent?: string;
  /** The field manager of writes that name none themselves. */
  fieldManager?: string;
  /** Further headers of every request, names in lower case (`impersonate-user`). */
  headers?: Readonly<Record<string, string>>;
  /** With a clock, requests that the server sends away with Retry-After are repeated, up to ten times, as client-go does. */
  clock?: Clock;
  /** Nothing lies between this client and the server: watches last for a day, whatever is asked, and need no bookmarks. */
  local?: boolean;
  /** Called with the text of each Warning header. */
  onWarning?(text: string): void;
}

const DAY_SECONDS = 86_400;
const RETRIES_AFTER_RETRY_AFTER = 10;
const PATCH_CONTENT: Record<PatchType | "apply", string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};
const JSON_CONTENT = "application/json";
const metadataAccept = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`;

/** What a request of the client needs beyond its method and path. */
interface Sending {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  accept?: string;
  signal?: AbortSignal;
}

/** The Client over any transport: JSON, with failed requests as StatusErrors made from the body. */
export function client(transport: Transport, options: ClientOptions = {}): Client {
  const send = async (
    method: TransportRequest["method"],
    path: string,
    sending: Sending,
  ): Promise<TransportResponse> => {
    const query = queryString(sending.query);
    const headers: Record<string, string> = {
      ...options.headers,
      accept: sending.accept ?? JSON_CONTENT,
      "user-agent": options.userAgent ?? "knarr",
    };
    const request: TransportRequest = { method, path: query ? `${path}?${query}` : path, headers };
    if (sending.body !== undefined) {
      headers["content-type"] = sending.contentType ?? JSON_CONTENT;
      request.body = JSON.stringify(sending.body);
    }
    if (sending.signal) request.signal = sending.signal;
    for (let attempt = 0; ; attempt++) {
      sending.signal?.throwIfAborted();
      const response = await transport.request(request);
      if (options.onWarning && response.headers["warning"]) {
        for (const text of warningTexts(response.headers["warning"])) options.onWarning(text);
      }
      if (response.status < 400) return response;
      const error = statusErrorOf(response, await readBody(response));
      const retryAfter = Number(response.headers["retry-after"]);
      const sentAway = response.status === 429 || response.status >= 500;
      const repeat = sentAway && Number.isFinite(retryAfter) && attempt < RETRIES_AFTER_RETRY_AFTER;
      if (!repeat || !options.clock || response.headers["retry-after"] === undefined) throw error;
      await sleep(options.clock, retryAfter * 1000, sending.signal);
    }
  };
  const json = async <R>(method: TransportRequest["method"], path: string, sending: Sending): Promise<R> => {
    const response = await send(method, path, sending);
    const text = await readBody(response);
    if (text === "") return undefined as R;
    return parse<R>(text, response);
  };
  const writeQuery = (write: WriteOptions = {}) => ({
    fieldManager: write.fieldManager ?? options.fieldManager,
    dryRun: write.dryRun ? "All" : undefined,
    fieldValidation: write.fieldValidation,
  });

  const resource = <T extends KubeObject>(
    type: ResourceType<T>,
    view: { metadataOnly?: boolean } = {},
  ): ResourceClient<T> => {
    const apiVersion = apiVersionOf(type);
    const accept = view.metadataOnly ? metadataAccept("PartialObjectMetadata") : undefined;
    const acceptList = view.metadataOnly ? metadataAccept("PartialObjectMetadataList") : undefined;
    const path = (name: string, namespace?: string, subresource?: string) => {
      if (name === "") throw new TypeError(`${type.resource}: a name is needed`);
      return resourcePath(type, { namespace, name, subresource });
    };
    const pathOf = (object: KubeObject, subresource?: string) =>
      path(object.metadata?.name ?? "", object.metadata?.namespace, subresource);
    const withType = (object: T): T =>
      object.apiVersion && object.kind ? object : { ...object, apiVersion, kind: type.kind };

    return {
      type,
      get: (name, namespace, read = {}) =>
        json<T>("GET", path(name, namespace), {
          query: { resourceVersion: read.resourceVersion },
          signal: read.signal,
          accept,
        }),
      list: async (list: ListOptions = {}) => {
        const { namespace, signal, ...query } = list;
        const path = resourcePath(type, { namespace });
        const page = await json<KubeList<T>>("GET", path, { query, signal, accept: acceptList });
        page.items ??= [];
        // The items of a list come without their type; whoever refers to one (owner references, events) needs it.
        for (const item of page.items) {
          item.apiVersion ??= apiVersion;
          item.kind ??= type.kind;
        }
        return page;
      },
      watch: (watch: WatchOptions = {}) => {
        const { namespace, signal, sendInitialEvents, ...rest } = watch;
        const query = {
          watch: true,
          ...rest,
          ...(options.local ? { timeoutSeconds: DAY_SECONDS } : {}),
          ...(options.local && !sendInitialEvents ? { allowWatchBookmarks: undefined } : {}),
          sendInitialEvents,
          resourceVersionMatch: sendInitialEvents === undefined ? undefined : "NotOlderThan",
        };
        const open = (inner: AbortSignal) =>
          send("GET", resourcePath(type, { namespace }), { query, signal: inner, accept });
        return watchEvents<T>(open, signal);
      },
      create: (object, write) =>
        json<T>("POST", resourcePath(type, { namespace: object.metadata?.namespace }), {
          body: withType(object),
          query: writeQuery(write),
          signal: write?.signal,
        }),
      update: (object, write) =>
        json<T>("PUT", pathOf(object), {
          body: withType(object),
          query: writeQuery(write),
          signal: write?.signal,
        }),
      updateStatus: (object, write) =>
        json<T>("PUT", pathOf(object, "status"), {
          body: withType(object),
          query: writeQuery(write),
          signal: write?.signal,
        }),
      patch: (name, namespace, kind, patch, write) =>
        json<T>("PATCH", path(name, namespace, write?.subresource), {
          body: patch,
          contentType: PATCH_CONTENT[kind],
          query: writeQuery(write),
          signal: write?.signal,
        }),
      apply: (object, write) =>
        json<T>("PATCH", pathOf(object, write.subresource), {
          body: object,
          contentType: PATCH_CONTENT.apply,
          query: { ...writeQuery(write), force: write.force },
          signal: write.signal,
        }),
      delete: (name, namespace, remove = {}) => {
        const { signal, ...body } = remove;
        return json<T | Status>("DELETE", path(name, namespace), { body: deleteBody(body), signal });
      },
      deleteCollection: async (list, remove = {}) => {
        const { namespace, signal, ...query } = list;
        await json("DELETE", resourcePath(type, { namespace }), { query, body: deleteBody(remove), signal });
      },
      getSubresource: (name, namespace, subresource, read) =>
        json("GET", path(name, namespace, subresource), { signal: read?.signal }),
      createSubresource: (name, namespace, subresource, body, write) =>
        json("POST", path(name, namespace, subresource), { body, query: writeQuery(write), signal: write?.signal }),
      updateSubresource: (name, namespace, subresource, body, write) =>
        json("PUT", path(name, namespace, subresource), { body, query: writeQuery(write), signal: write?.signal }),
    };
  };

  return {
    resource,
    raw: (path, raw = {}) =>
      json(raw.method ?? "GET", path, { body: raw.body, signal: raw.signal, accept: `${JSON_CONTENT}, */*` }),
  };
}

async function* watchEvents<T>(
  open: (signal: AbortSignal) => Promise<TransportResponse>,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchEvent<T>> {
  // Leaving the loop early must end the request even while nothing arrives, so each watch has a signal of its own.
  const own = new AbortController();
  const follow = () => own.abort(signal!.reason);
  if (signal?.aborted) return;
  signal?.addEventListener("abort", follow, { once: true });
  try {
    const response = await open(own.signal);
    for await (const event of jsonLines<WatchEvent<T>>(response.body)) {
      yield event;
      if (event.type === "ERROR") return;
    }
  } catch (error) {
    if (signal?.aborted) return;
    throw error;
  } finally {
    signal?.removeEventListener("abort", follow);
    own.abort();
  }
}

const deleteBody = (options: DeleteOptions): DeleteOptions => ({
  apiVersion: "v1",
  kind: "DeleteOptions",
  ...options,
});

function queryString(query: Sending["query"]): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  return parameters.toString();
}

function parse<R>(text: string, response: TransportResponse): R {
  if (!response.headers["content-type"]?.startsWith(JSON_CONTENT)) return text as R;
  try {
    return JSON.parse(text) as R;
  } catch (error) {
    throw new ConnectionError("the answer was cut short", { cause: error });
  }
}

/** The texts of a Warning header, RFC 7234 5.5: `299 - "text"`, several joined by commas. */
function* warningTexts(header: string): Generator<string> {
  for (const match of header.matchAll(/\d{3} \S+ ("(?:[^"\\]|\\.)*")/g))
    yield match[1]!.slice(1, -1).replace(/\\(.)/g, "$1");
}
