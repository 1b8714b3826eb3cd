import type { UnknownObject } from "../../api/object.ts";
import { StatusError, serviceUnavailable } from "../../api/status-error.ts";
import type { Status } from "../../api/types/meta.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import { cloneJson } from "../../base/clone.ts";
import { StoreRefusedError, StoreUnavailableError } from "../../store/store.ts";
import type { RequestContext } from "../filters/context.ts";
import { header, headerValues } from "../http/exchange.ts";
import {
  type AuditEvent,
  type AuditLevel,
  type AuditStage,
  type AuditUser,
  atLeast,
  microTime,
  withoutManagedFields,
} from "./event.ts";
import type { AuditDecision } from "./policy.ts";

/** A longer User-Agent is cut. */
const MAX_USER_AGENT = 1024;

/**
 * What is recorded of one request while it is served. Filters, endpoints and admission add to it; its stages are handed
 * out as events. At most what the policy's level allows is kept.
 */
export class AuditRecord {
  readonly level: AuditLevel;
  readonly #decision: AuditDecision;
  readonly #event: AuditEvent;

  /** `receivedAt` is wall time in ms. */
  constructor(context: RequestContext, decision: AuditDecision, receivedAt: number, user?: UserInfo) {
    const { info, request } = context;
    this.#decision = decision;
    this.level = decision.level;
    const agent = header(request, "user-agent") ?? "";
    this.#event = {
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: decision.level,
      auditID: context.auditId,
      stage: "RequestReceived",
      requestURI: request.url,
      verb: info.verb,
      user: user ? userOf(user) : {},
      impersonatedUser: undefined,
      sourceIPs: sourceAddresses(context),
      userAgent: agent.length > MAX_USER_AGENT ? `${agent.slice(0, MAX_USER_AGENT)}...TRUNCATED` : agent || undefined,
      objectRef: info.isResource
        ? {
            resource: info.resource,
            namespace: info.namespace || undefined,
            name: info.name || undefined,
            uid: undefined,
            apiGroup: info.group || undefined,
            apiVersion: info.version,
            resourceVersion: undefined,
            subresource: info.subresource || undefined,
          }
        : undefined,
      responseStatus: undefined,
      requestObject: undefined,
      responseObject: undefined,
      requestReceivedTimestamp: microTime(receivedAt),
      stageTimestamp: "",
      annotations: undefined,
    };
  }

  /** A key that is there already keeps its value. */
  annotate(key: string, value: string, level: AuditLevel = "Metadata"): void {
    if (!atLeast(this.level, level)) return;
    this.#event.annotations ??= {};
    this.#event.annotations[key] ??= value;
  }

  impersonated(user: UserInfo): void {
    this.#event.impersonatedUser = userOf(user);
  }

  /** The object that the request brings, in the request's version. It may be changed afterwards. */
  requestObject(object: UnknownObject): void {
    const { metadata = {} } = object;
    const reference = this.#event.objectRef;
    if (reference) {
      reference.namespace ||= metadata.namespace;
      reference.name ||= metadata.name;
      reference.uid ||= metadata.uid;
      reference.resourceVersion ||= metadata.resourceVersion;
    }
    if (!atLeast(this.level, "Request")) return;
    this.#event.requestObject = cloneJson(this.#decision.omitManagedFields ? withoutManagedFields(object) : object);
  }

  /** The body of a patch; YAML is JSON that was not written as such. */
  async requestPatch(body: Uint8Array): Promise<void> {
    if (!atLeast(this.level, "Request")) return;
    const text = Buffer.from(body).toString();
    try {
      this.#event.requestObject = JSON.parse(text);
    } catch {
      const { parse } = await import("../../base/yaml.ts");
      try {
        this.#event.requestObject = parse(text);
      } catch {
        // The request is about to fail by it.
        this.#event.requestObject = text;
      }
    }
  }

  /** The answer: its code, and its object where it is known. A Status tells its reason. */
  response(code: number, object?: UnknownObject): void {
    const status = object?.kind === "Status" && object.apiVersion === "v1" ? (object as Status) : undefined;
    this.#event.responseStatus = {
      metadata: {},
      ...(status
        ? { status: status.status, message: status.message, reason: status.reason, details: status.details }
        : {}),
      code,
    };
    if (!object || !atLeast(this.level, "RequestResponse")) return;
    this.#event.responseObject = this.#decision.omitManagedFields ? withoutManagedFields(object) : object;
  }

  failed(error: unknown): void {
    if (error instanceof StoreUnavailableError) {
      this.failed(serviceUnavailable(error.message));
      return;
    }
    if (error instanceof StoreRefusedError) {
      const { message } = error;
      this.#event.responseStatus = { metadata: {}, status: "Failure", message, code: 500 };
      return;
    }
    if (error instanceof StatusError) {
      this.response(error.code, error.status as UnknownObject);
      return;
    }
    if (!isFailureOfOurs(error)) {
      this.#event.responseStatus = { metadata: {}, status: "Success", message: "Connection closed early", code: 200 };
      return;
    }
    const message = `APIServer panic'd: ${error instanceof Error ? error.message : String(error)}`;
    this.#event.responseStatus = { metadata: {}, status: "Failure", message, reason: "InternalError", code: 500 };
  }

  /** The event of a stage; undefined where the policy omits it. */
  at(stage: AuditStage, now: number): AuditEvent | undefined {
    if (this.#decision.omitStages.has(stage)) return undefined;
    const { annotations, requestReceivedTimestamp } = this.#event;
    const stageTimestamp = stage === "RequestReceived" ? requestReceivedTimestamp : microTime(now);
    return { ...this.#event, stage, stageTimestamp, ...(annotations ? { annotations: { ...annotations } } : {}) };
  }
}

/** Whether an error is a mistake of the server's: neither an answer, nor a client that left, nor a store that failed. */
export function isFailureOfOurs(error: unknown): boolean {
  if (error instanceof StatusError || error instanceof StoreUnavailableError) return false;
  if (error instanceof StoreRefusedError) return false;
  return !(error instanceof Error && error.name === "AbortError");
}

function userOf({ name, uid, groups, extra }: UserInfo): AuditUser {
  return {
    ...(name ? { username: name } : {}),
    ...(uid ? { uid } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

/** Where a request came from: what proxies tell of it, then the connection's other end. */
function sourceAddresses({ request }: RequestContext): string[] {
  const addresses: string[] = [];
  const add = (text: string) => {
    const address = text.trim().replace(/^\[|\]$/g, "");
    if (/^[\d.]+$|^[\da-f:.]+$/i.test(address) && !addresses.includes(address)) addresses.push(address);
  };
  for (const value of headerValues(request, "x-forwarded-for")) for (const part of value.split(",")) add(part);
  const real = header(request, "x-real-ip");
  if (real) add(real);
  add(request.remoteAddress?.replace(/^::ffff:/, "") ?? "127.0.0.1");
  return addresses;
}
