import { StatusError } from "../../api/status-error.ts";
import type { Status } from "../../api/types/meta.v1.ts";

const LONGEST_TEXT = 2048;

/** What upstream's client says of an answer that is no success, by its status code. */
const MESSAGES: Readonly<Record<number, [reason: string, message: string]>> = {
  400: ["BadRequest", "the server rejected our request for an unknown reason"],
  401: ["Unauthorized", "the server has asked for the client to provide credentials"],
  404: ["NotFound", "the server could not find the requested resource"],
  405: ["MethodNotAllowed", "the server does not allow this method on the requested resource"],
  409: ["Conflict", "the server reported a conflict"],
  410: ["Gone", "the server reported a conflict"],
  422: ["Invalid", "the server rejected our request due to an error in our request"],
  429: ["TooManyRequests", "the server has received too many requests and has asked us to try again later"],
  503: ["ServiceUnavailable", "the server is currently unable to handle the request"],
  504: [
    "Timeout",
    "the server was unable to return a response in the time allotted, but may still be processing the request",
  ],
};
/** Statuses whose body tells what is the matter. */
const SPEAKING: Readonly<Record<number, string>> = {
  403: "Forbidden",
  406: "NotAcceptable",
  415: "UnsupportedMediaType",
};

/** The error that upstream's client makes of an answer with a status other than 2xx: the Status in it, or a text. */
export function answerError(code: number, contentType: string, body: string, retryAfterSeconds?: number): StatusError {
  const given = statusIn(body);
  if (given) return new StatusError({ ...given, code: given.code ?? code });
  const text = contentType === "" || /^text\//.test(contentType) ? body.trim().slice(0, LONGEST_TEXT) : "unknown";
  let [reason, message] = MESSAGES[code] ?? ["", "the server rejected our request for an unknown reason"];
  if (SPEAKING[code]) [reason, message] = [SPEAKING[code], text];
  else if (!MESSAGES[code] && code >= 500) {
    reason = "InternalError";
    message = `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`;
  }
  return new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    code,
    reason,
    message,
    ...(retryAfterSeconds ? { details: { retryAfterSeconds } } : {}),
  });
}

function statusIn(body: string): Status | undefined {
  if (!body.startsWith("{")) return undefined;
  try {
    const parsed = JSON.parse(body) as Status;
    return parsed.kind === "Status" && parsed.status === "Failure" ? parsed : undefined;
  } catch {
    return undefined;
  }
}
