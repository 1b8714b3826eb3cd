import { decodeMessage, openEnvelope } from "../../../src/api/codec/protobuf/protobuf.ts";
import { parse } from "../../../src/base/yaml.ts";

export interface FuzzAnswer {
  /** It did not end by itself: a watch, or what else goes on for as long as somebody listens. */
  readonly isStream: boolean;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What upstream too answers with a 500, in these words. */
const UPSTREAM_500 = [
  /^unknown patch type: /,
  /^failed to convert new object \(.* to proper version: /,
  /^failed to create typed (patch|live) object \(/,
  /^resourceVersion should not be set on objects to be created$/,
  /^Internal error occurred: requested impersonation details without impersonating a user$/,
  /^Internal error occurred: requested .* without impersonating a user$/,
];

/** Paths outside the resources: there also text is an answer. */
const API_PATH = /^\/+(api\/[^/]+|apis\/[^/]+\/[^/]+)\/[^/?]+/;

/** What is wrong with an answer; undefined where nothing is. */
export function problemWith(method: string, path: string, answer: FuzzAnswer): string | undefined {
  const { status, body, headers } = answer;
  if (!Number.isInteger(status) || status < 200 || status > 599) return `status ${status}`;
  if (method === "HEAD") return body.length === 0 ? undefined : "a body in the answer to HEAD";
  const type = String(headers["content-type"] ?? "");
  if (status === 200 && (answer.isStream || isWatch(path))) return streamProblem(type, body);
  let value: unknown;
  try {
    value = decoded(type, body);
  } catch (error) {
    return `a body that does not decode as ${type}: ${(error as Error).message}: ${body.toString("latin1").slice(0, 200)}`;
  }
  if (status < 400) return undefined;
  const object = value as { kind?: unknown; apiVersion?: unknown; status?: unknown; code?: unknown; message?: unknown };
  const isStatus = typeof value === "object" && value !== null && object.kind === "Status";
  if (status === 500) {
    const message = isStatus ? String(object.message) : body.toString();
    if (!UPSTREAM_500.some((known) => known.test(message))) return `500: ${message}`;
  }
  if (!API_PATH.test(path)) return undefined;
  if (!isStatus) {
    // Upstream's router, not its API, answers for what it does not know at all.
    return (status === 404 || status === 405 || status === 400) && type.startsWith("text/plain")
      ? undefined
      : `${status} without a Status: ${type} ${body.toString().slice(0, 200)}`;
  }
  if (object.status !== "Failure" || object.code !== status || object.apiVersion !== "v1") {
    return `${status} with a Status that says otherwise: ${JSON.stringify(value).slice(0, 300)}`;
  }
  return undefined;
}

const isWatch = (path: string) => /[?&]watch=|\/watch\//.test(path);

/** Each event is a value of its own. The last one may have been cut off. */
function streamProblem(type: string, body: Buffer): string | undefined {
  if (!type.startsWith("application/json")) return undefined;
  const text = body.toString();
  for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
    try {
      if (line !== "") JSON.parse(line);
    } catch (error) {
      // A list that was asked for in a way that looks like a watch is one value.
      return isWhole(text) ? undefined : `an event that is no JSON: ${(error as Error).message}: ${line.slice(0, 200)}`;
    }
  }
  return undefined;
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The body as its type says; undefined for what is no API object. */
export function decoded(type: string, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (type.startsWith("application/json")) return JSON.parse(body.toString());
  if (type.startsWith("application/yaml")) return parse(body.toString());
  if (type !== "application/vnd.kubernetes.protobuf") return undefined;
  const { apiVersion, kind, raw } = openEnvelope(body);
  return { apiVersion, kind, ...decodeMessage(apiVersion, kind, raw) };
}

/** A value without what says nothing: protobuf does not tell an empty list, text or number from none. */
export function essence(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(essence);
  if (typeof value !== "object" || value === null) {
    return value === null || value === "" || value === 0 || value === false ? undefined : value;
  }
  const members = Object.entries(value)
    .map(([key, inner]) => [key, essence(inner)] as const)
    .filter(([, inner]) => inner !== undefined);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
