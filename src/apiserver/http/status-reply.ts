import { internalError, StatusError } from "../../api/status-error.ts";
import type { Status } from "../../api/types/meta.v1.ts";
import type { Reply } from "./exchange.ts";

export const JSON_CONTENT = "application/json";

/** An error as an answer: its Status in JSON. What is no StatusError becomes a 500. */
export function statusReply(error: unknown): Reply {
  const failure = error instanceof StatusError ? error : internalError(error);
  return jsonReply(failure.code, failure.status, retryHeaders(failure.status));
}

/** Any value as a JSON answer. */
export function jsonReply(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { "content-type": JSON_CONTENT, ...headers },
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

export function textReply(status: number, text: string): Reply {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
    body: Buffer.from(text),
  };
}

/** What is said at paths that nothing is responsible for: text, as upstream's router answers. */
export const pageNotFound = (): Reply => textReply(404, "404 page not found\n");

/** What a client is told that comes when there is too much to do: text, as upstream's filters answer. */
export function tooManyRequestsReply(retryAfterSeconds: number): Reply {
  const reply = textReply(429, "Too many requests, please try again later.\n");
  return { ...reply, headers: { ...reply.headers, "retry-after": String(retryAfterSeconds) } };
}

/** The Retry-After header that goes with a Status. */
export function retryHeaders(status: Status): Record<string, string> {
  const seconds = status.details?.retryAfterSeconds;
  return seconds ? { "retry-after": String(seconds) } : {};
}
