import { StatusError } from "../api/status-error.ts";
import type { Status } from "../api/types/meta.v1.ts";
import type { TransportResponse } from "./transport.ts";

/** The reason that upstream's clients derive from a status code where the body is no Status. */
const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Gone",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  501: "NotImplemented",
  503: "ServiceUnavailable",
  504: "Timeout",
};
/** Proxies answer with whole pages; the beginning tells enough. */
const LONGEST_BODY_IN_MESSAGE = 1024;

/** The error of a failed response: the Status in its body, or one made up from the status code. */
export function statusErrorOf(response: TransportResponse, body: string): StatusError {
  const retryAfter = Number(response.headers["retry-after"]);
  const status = statusIn(body) ?? {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason: REASONS[response.status] ?? "",
    message: body.trim().slice(0, LONGEST_BODY_IN_MESSAGE) || `the server answered with status ${response.status}`,
    code: response.status,
  };
  const details =
    retryAfter > 0 && status.details?.retryAfterSeconds === undefined
      ? { ...status.details, retryAfterSeconds: retryAfter }
      : status.details;
  return new StatusError({ ...status, code: status.code ?? response.status, ...(details ? { details } : {}) });
}

function statusIn(body: string): Status | undefined {
  if (!body.startsWith("{")) return undefined;
  try {
    const parsed = JSON.parse(body) as Status;
    return parsed.kind === "Status" ? parsed : undefined;
  } catch {
    return undefined;
  }
}
