import type { ApiRequest } from "./http/exchange.ts";

/** What a request is about, read from its method, path and query by upstream's RequestInfo rules. */
export interface RequestInfo {
  /** False for paths like `/healthz` and `/apis/apps/v1`: then only `verb` (the method in lower case) and `path` count. */
  readonly isResource: boolean;
  readonly path: string;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `proxy`. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  /** Empty where the request has no namespace. For a namespace object itself it is that namespace. */
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** The path from the resource on, in segments. */
  readonly parts: readonly string[];
}

const METHOD_VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
const PREFIX_VERBS = new Set(["proxy", "watch"]);
const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);

/** Reads a boolean query parameter by upstream's rule: absent, `false` and `0` are false, all else (also empty) is true. */
export function queryFlag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

export function requestInfo(request: Pick<ApiRequest, "method" | "path" | "query">): RequestInfo {
  const { path, method, query } = request;
  const trimmed = withoutOuterSlashes(path);
  let parts = trimmed === "" ? [] : trimmed.split("/");
  const prefix = parts[0];
  if (parts.length < 3 || (prefix !== "api" && prefix !== "apis")) return noResource(request);
  let group = "";
  if (prefix === "apis") {
    if (parts.length < 4) return noResource(request);
    group = parts[1]!;
    parts = parts.slice(2);
  } else {
    parts = parts.slice(1);
  }
  const version = parts[0]!;
  parts = parts.slice(1);

  let verb = METHOD_VERBS[method] ?? "";
  if (PREFIX_VERBS.has(parts[0]!)) {
    if (parts.length < 2) return noResource(request);
    verb = parts[0]!;
    parts = parts.slice(1);
  }
  let namespace = "";
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1]!;
    if (parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2]!)) parts = parts.slice(2);
  }
  const resource = parts[0] ?? "";
  let name = parts[1] ?? "";
  const subresource = parts.length >= 3 && verb !== "proxy" ? parts[2]! : "";
  if (name === "" && verb === "get") {
    verb = queryFlag(query, "watch") ? "watch" : "list";
    name = exactName(query.get("fieldSelector"));
  } else if (name === "" && verb === "delete") {
    verb = "deletecollection";
  }
  return { isResource: true, path, verb, group, version, namespace, resource, subresource, name, parts };
}

function withoutOuterSlashes(path: string): string {
  let from = 0;
  let to = path.length;
  while (from < to && path[from] === "/") from++;
  while (to > from && path[to - 1] === "/") to--;
  return path.slice(from, to);
}

function noResource({ path, method }: Pick<ApiRequest, "method" | "path">): RequestInfo {
  return {
    isResource: false,
    path,
    verb: method.toLowerCase(),
    group: "",
    version: "",
    namespace: "",
    resource: "",
    subresource: "",
    name: "",
    parts: [],
  };
}

/** The object's name where a field selector asks for exactly one: RBAC's resourceNames apply to such lists and watches. */
function exactName(fieldSelector: string | null): string {
  if (!fieldSelector) return "";
  for (const term of fieldSelector.split(",")) {
    const match = /^metadata\.name={1,2}([^=!]+)$/.exec(term.trim());
    if (match) return match[1]!;
  }
  return "";
}

const LONG_RUNNING_VERBS = new Set(["watch", "proxy"]);
const LONG_RUNNING_SUBRESOURCES = new Set(["attach", "exec", "proxy", "log", "portforward"]);

/** Requests without a deadline, which the in-flight limits don't count. */
export function isLongRunning(info: RequestInfo): boolean {
  return info.isResource && (LONG_RUNNING_VERBS.has(info.verb) || LONG_RUNNING_SUBRESOURCES.has(info.subresource));
}

const READING_VERBS = new Set(["get", "list", "watch"]);

/** Whether a request only reads, for the limits and metrics that tell reading from writing. */
export const isReading = (info: RequestInfo) => READING_VERBS.has(info.verb);
