import type { UnknownObject } from "../../api/object.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import {
  forbidden,
  invalid as invalidField,
  notSupported,
  required,
  tooLong,
} from "../../api/resources/field-errors.ts";
import { invalid } from "../../api/status-error.ts";
import type { DeleteOptions } from "../../api/types/meta.v1.ts";
import { header } from "../http/exchange.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import { queryFlag } from "../request-info.ts";
import type { ResourceRequest } from "./resource-request.ts";

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** CreateOptions, UpdateOptions or PatchOptions, from the query. */
export interface WriteOptions {
  readonly dryRun: boolean;
  /** Who is to own the fields: `fieldManager`, else the beginning of the user agent. */
  readonly manager: string;
  readonly fieldValidation: FieldValidation;
  /** Of a server-side apply: takes fields from other managers. */
  readonly force: boolean;
  readonly write: WriteRequest;
}

type Kind = "CreateOptions" | "UpdateOptions" | "PatchOptions";

/** A field manager's name may be this long, in bytes. */
const MANAGER_LIMIT = 128;
const VALIDATIONS = ["Ignore", "Warn", "Strict"];

/** Reads and checks the options of a write. Throws a 422. */
export function writeOptions(request: ResourceRequest, kind: Kind, apply = false): WriteOptions {
  const { query } = request.context.request;
  const dryRun = query.getAll("dryRun").filter((value) => value !== "");
  const manager = query.get("fieldManager") ?? "";
  const fieldValidation = query.get("fieldValidation") ?? "";
  const errors = [...dryRunErrors(dryRun), ...managerErrors(manager)];
  if (fieldValidation !== "" && !VALIDATIONS.includes(fieldValidation)) {
    errors.push(notSupported("fieldValidation", fieldValidation, ["", ...VALIDATIONS]));
  }
  if (kind === "PatchOptions") {
    if (apply && manager === "") errors.push(required("fieldManager", "is required for apply patch"));
    if (!apply && query.has("force")) errors.push(forbidden("force", "may not be specified for non-apply patch"));
  }
  refuse(kind, errors);
  const options: UnknownObject = {
    kind,
    apiVersion: "meta.k8s.io/v1",
    ...(dryRun.length > 0 ? { dryRun } : {}),
    ...(manager !== "" ? { fieldManager: manager } : {}),
    ...(fieldValidation !== "" ? { fieldValidation } : {}),
  };
  return {
    dryRun: dryRun.length > 0,
    manager: manager || agentName(header(request.context.request, "user-agent") ?? ""),
    fieldValidation: (fieldValidation || "Warn") as FieldValidation,
    force: queryFlag(query, "force"),
    write: writeRequest(request, options, dryRun.length > 0),
  };
}

/** What the registry is told about a write. */
export function writeRequest(request: ResourceRequest, options: UnknownObject, dryRun: boolean): WriteRequest {
  const { context, subresource, resource } = request;
  return {
    user: context.user,
    subresource: subresource?.name,
    ...(resource.isStorageVersion ? {} : { requested: resource.type }),
    dryRun,
    options,
    signal: context.request.signal,
    warn: (text) => void context.warnings.push(text),
    ...(context.audit ? { annotate: (key, value, level) => context.audit?.annotate(key, value, level) } : {}),
  };
}

/** The part of a user agent that names the program: what owns fields where no manager was given. */
function agentName(agent: string): string {
  const name = (agent.split("/")[0] ?? "").replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, "");
  let end = name.length;
  while (Buffer.byteLength(name.slice(0, end)) > MANAGER_LIMIT) end--;
  return name.slice(0, end);
}

function dryRunErrors(dryRun: readonly string[]): FieldError[] {
  if (dryRun.length === 0) return [];
  if (dryRun.length === 1 && dryRun[0] === "All") return [];
  return [notSupported("dryRun", dryRun, ["All"])];
}

function managerErrors(manager: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > MANAGER_LIMIT) errors.push(tooLong("fieldManager", MANAGER_LIMIT));
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(manager)) {
    errors.push(invalidField("fieldManager", manager, "should only contain printable characters"));
  }
  return errors;
}

const POLICIES = ["Background", "Foreground", "Orphan"];

/** Checks the options of a deletion. Throws a 422. */
export function checkDeleteOptions(options: DeleteOptions): void {
  const errors = dryRunErrors(options.dryRun ?? []);
  const policy = options.propagationPolicy;
  if (policy !== undefined && options.orphanDependents !== undefined) {
    errors.push(
      invalidField("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"),
    );
  }
  if (policy !== undefined && !POLICIES.includes(policy)) {
    errors.push(notSupported("propagationPolicy", policy, [...POLICIES, "nil"]));
  }
  refuse("DeleteOptions", errors);
}

function refuse(kind: string, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const causes = errors.map(({ type, message, field }) => ({ reason: type, message, field }));
  throw invalid({ group: "meta.k8s.io", kind }, "", causes);
}
