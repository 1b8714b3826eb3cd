import type { Status, StatusCause, StatusDetails } from "./types/meta.v1.ts";

/**
 * A failed API request, as data: the `Status` object that goes over the wire. Every error that leaves the API server or
 * reaches a client is one of these; make them with the constructors below, one per reason.
 */
export class StatusError extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.message);
    this.name = "StatusError";
    this.status = status;
  }
  /** The HTTP status code. */
  get code(): number {
    return this.status.code ?? 500;
  }
  /** `NotFound`, `Conflict` and so on; empty where the server gave none. */
  get reason(): string {
    return this.status.reason ?? "";
  }
}

/** What an error is about, as `StatusDetails` names it: `kind` holds the plural resource for most reasons. */
export interface Subject {
  group?: string;
  resource: string;
}

const qualified = (subject: Subject) => (subject.group ? `${subject.resource}.${subject.group}` : subject.resource);
const failure = (code: number, reason: string, message: string, details?: StatusDetails): StatusError =>
  new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    details,
    code,
  });
const about = (subject: Subject, name: string | undefined, extra?: StatusDetails): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(subject.group ? { group: subject.group } : {}),
  kind: subject.resource,
  ...extra,
});

export const badRequest = (message: string) => failure(400, "BadRequest", message);
export const unauthorized = (message = "Unauthorized") => failure(401, "Unauthorized", message);
/** `message` is the authorizer's explanation, after the colon. */
export const forbidden = (subject: Subject, name: string | undefined, message: string) =>
  failure(
    403,
    "Forbidden",
    subject.resource === ""
      ? `forbidden: ${message}`
      : `${qualified(subject)}${name ? ` ${JSON.stringify(name)}` : ""} is forbidden: ${message}`,
    about(subject, name),
  );
export const notFound = (subject: Subject, name: string) =>
  failure(404, "NotFound", `${qualified(subject)} ${JSON.stringify(name)} not found`, about(subject, name));
/** The path itself is not served. */
export const pathNotFound = () => failure(404, "NotFound", "the server could not find the requested resource", {});
export const methodNotSupported = (subject: Subject, verb: string) =>
  failure(
    405,
    "MethodNotAllowed",
    `${verb} is not supported on resources of kind ${JSON.stringify(qualified(subject))}`,
    about(subject, undefined),
  );
export const notAcceptable = (message: string) => failure(406, "NotAcceptable", message);
export const alreadyExists = (subject: Subject, name: string) =>
  failure(409, "AlreadyExists", `${qualified(subject)} ${JSON.stringify(name)} already exists`, about(subject, name));
export const conflict = (subject: Subject, name: string, message: string) =>
  failure(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualified(subject)} ${JSON.stringify(name)}: ${message}`,
    about(subject, name),
  );
/** A server-side apply that would change fields of other managers. */
export const applyConflict = (causes: StatusCause[], message: string) => failure(409, "Conflict", message, { causes });
export const gone = (message: string) => failure(410, "Gone", message);
/** The resource version is older than the history that is kept. */
export const resourceExpired = (message: string) => failure(410, "Expired", message);
export const requestEntityTooLarge = (message: string) => failure(413, "RequestEntityTooLarge", message);
export const unsupportedMediaType = (message: string) => failure(415, "UnsupportedMediaType", message);
/** Validation failed; `kind` is the object's kind here, not the resource. */
export const invalid = (subject: { group?: string; kind: string }, name: string, causes: StatusCause[]) => {
  const parts = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : `${cause.message}`));
  const list = parts.length === 1 ? parts[0] : `[${parts.join(", ")}]`;
  const kind = subject.group ? `${subject.kind}.${subject.group}` : subject.kind;
  return failure(422, "Invalid", `${kind} ${JSON.stringify(name)} is invalid: ${list}`, {
    ...(name ? { name } : {}),
    ...(subject.group ? { group: subject.group } : {}),
    kind: subject.kind,
    causes,
  });
};
export const tooManyRequests = (message: string, retryAfterSeconds: number) =>
  failure(429, "TooManyRequests", message, { retryAfterSeconds });
export const internalError = (error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  return failure(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
};
export const notImplemented = (message: string) => failure(501, "NotImplemented", message);
export const serviceUnavailable = (message: string) => failure(503, "ServiceUnavailable", message);
export const timeout = (message: string, retryAfterSeconds = 0) =>
  failure(504, "Timeout", `Timeout: ${message}`, retryAfterSeconds ? { retryAfterSeconds } : {});

const is =
  (reason: string) =>
  (error: unknown): error is StatusError =>
    error instanceof StatusError && error.reason === reason;
export const isNotFound = is("NotFound");
export const isAlreadyExists = is("AlreadyExists");
export const isConflict = is("Conflict");
export const isForbidden = is("Forbidden");
export const isInvalid = is("Invalid");
/** The resource version asked for has been compacted away: list again. */
export const isExpired = (error: unknown): error is StatusError =>
  error instanceof StatusError && (error.reason === "Expired" || error.reason === "Gone");
