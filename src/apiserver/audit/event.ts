import type { UnknownObject } from "../../api/object.ts";
import type { Status } from "../../api/types/meta.v1.ts";

/** How much is recorded of a request, from nothing to its bodies. */
export type AuditLevel = "None" | "Metadata" | "Request" | "RequestResponse";
export type AuditStage = "RequestReceived" | "ResponseStarted" | "ResponseComplete" | "Panic";

export const LEVELS: readonly AuditLevel[] = ["None", "Metadata", "Request", "RequestResponse"];
export const STAGES: readonly AuditStage[] = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];

export const atLeast = (level: AuditLevel, least: AuditLevel) => LEVELS.indexOf(level) >= LEVELS.indexOf(least);

export interface AuditUser {
  username?: string;
  uid?: string;
  groups?: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

export interface AuditObjectReference {
  resource?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiGroup?: string;
  apiVersion?: string;
  resourceVersion?: string;
  subresource?: string;
}

/** An event of audit.k8s.io/v1, in the order of upstream's fields. */
export interface AuditEvent {
  kind: "Event";
  apiVersion: "audit.k8s.io/v1";
  level: AuditLevel;
  auditID: string;
  stage: AuditStage;
  requestURI: string;
  verb: string;
  user: AuditUser;
  impersonatedUser?: AuditUser;
  sourceIPs?: string[];
  userAgent?: string;
  objectRef?: AuditObjectReference;
  responseStatus?: Partial<Status>;
  requestObject?: unknown;
  responseObject?: unknown;
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations?: Record<string, string>;
}

/** A time as metav1.MicroTime writes it. */
export const microTime = (ms: number) => `${new Date(ms).toISOString().slice(0, -1)}000Z`;

/** A copy of an object, list or table without `metadata.managedFields`, in itself and in what it holds. */
export function withoutManagedFields(object: UnknownObject): UnknownObject {
  const copy = { ...object };
  if (copy.metadata?.managedFields) {
    const { managedFields: _, ...metadata } = copy.metadata;
    copy.metadata = metadata;
  }
  if (Array.isArray(copy["items"])) copy["items"] = copy["items"].map(withoutManagedFields);
  if (copy.kind === "Table" && Array.isArray(copy["rows"])) {
    copy["rows"] = copy["rows"].map((row: { object?: UnknownObject }) =>
      row.object ? { ...row, object: withoutManagedFields(row.object) } : row,
    );
  }
  return copy;
}
