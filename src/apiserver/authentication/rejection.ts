import { type StatusError, unauthorized } from "../../api/status-error.ts";

/** A 401 that tells the client nothing; `cause` says what was wrong, for the log. */
export function rejection(cause: unknown): StatusError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return Object.assign(unauthorized(), { cause: error });
}
