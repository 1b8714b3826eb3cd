import type { FieldError } from "../../api/resource-definition.ts";
import { forbidden, notSupported } from "../../api/resources/field-errors.ts";
import { badRequest, invalid } from "../../api/status-error.ts";
import { queryFlag } from "../request-info.ts";

/** The query of a list or a watch, checked. */
export interface ListQuery {
  /** Absent where none was given. */
  readonly resourceVersion: number | undefined;
  readonly match: string;
  readonly limit: number;
  readonly continueToken: string;
  readonly timeoutSeconds: number | undefined;
  readonly allowBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

/** Reads ListOptions. Throws a 400 for what is malformed, a 422 for what does not go together. */
export function listQuery(query: URLSearchParams, watch: boolean): ListQuery {
  const result: ListQuery = {
    resourceVersion: resourceVersion(query.get("resourceVersion")),
    match: query.get("resourceVersionMatch") ?? "",
    limit: Math.max(0, integer(query, "limit") ?? 0),
    continueToken: query.get("continue") ?? "",
    timeoutSeconds: integer(query, "timeoutSeconds"),
    allowBookmarks: queryFlag(query, "allowWatchBookmarks"),
    sendInitialEvents: query.has("sendInitialEvents") ? queryFlag(query, "sendInitialEvents") : undefined,
  };
  const errors = watch ? watchErrors(result) : listErrors(result);
  if (errors.length > 0) {
    const causes = errors.map(({ type, message, field }) => ({ reason: type, message, field }));
    throw invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", causes);
  }
  return result;
}

const MATCH = "resourceVersionMatch";
const SUPPORTED_MATCHES = ["Exact", "NotOlderThan", ""];

function watchErrors({ match, sendInitialEvents }: ListQuery): FieldError[] {
  const errors: FieldError[] = [];
  if (match !== "" && sendInitialEvents === undefined) {
    errors.push(forbidden(MATCH, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
  }
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
    errors.push(forbidden(MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  }
  return errors;
}

function listErrors({ match, resourceVersion, continueToken, sendInitialEvents }: ListQuery): FieldError[] {
  const errors: FieldError[] = [];
  if (match !== "") {
    if (resourceVersion === undefined) {
      errors.push(forbidden(MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    if (continueToken !== "") {
      errors.push(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"));
    }
    if (!SUPPORTED_MATCHES.includes(match)) errors.push(notSupported(MATCH, match, SUPPORTED_MATCHES));
    if (match === "Exact" && resourceVersion === 0) {
      errors.push(forbidden(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (sendInitialEvents !== undefined) {
    errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  return errors;
}

/** A resource version of the query; undefined where there is none. Throws a 400. */
export function resourceVersion(text: string | null): number | undefined {
  if (!text) return undefined;
  if (!/^\d{1,19}$/.test(text)) {
    throw badRequest(`invalid resource version: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^-?\d{1,18}$/.test(text)) {
    throw badRequest(`invalid ${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}
