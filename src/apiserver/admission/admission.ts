import type { ResourceType, UnknownObject } from "../../api/object.ts";
import type { UserInfo } from "../../api/user.ts";

/** A write on its way to the registry. */
export interface AdmissionAttributes {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  /** The resource in the version that is stored. */
  readonly type: ResourceType;
  /** The resource as the request named it; absent where that is `type`. */
  readonly requested?: ResourceType;
  /** The kind of `object`, where it is not that of the resource: a Binding, PodExecOptions. */
  readonly kind?: ObjectKind;
  readonly subresource?: string;
  readonly namespace?: string;
  /** Empty while a generated name is not known yet. */
  readonly name: string;
  /** The object to be written; mutating plugins change it in place. Absent for deletions. */
  readonly object?: UnknownObject;
  readonly oldObject?: UnknownObject;
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions of the request. */
  readonly options: UnknownObject;
  readonly dryRun: boolean;
  readonly user: UserInfo;
  /** Aborted when the client has gone away: what waits for others can end. */
  readonly signal?: AbortSignal;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
  /** Adds to the request's audit event, at `level` and above (default: Metadata). A key that is there already stays. */
  annotate?(key: string, value: string, level?: "Metadata" | "Request" | "RequestResponse"): void;
}

export interface ObjectKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/**
 * The rounds of mutation, by upstream's reinvocation policy: where a plugin changed the object after others have seen
 * it, all plugins are asked once more. Plugins that call out decide by what they keep here whether they need to.
 */
export interface Reinvocation {
  /** 0, or 1 when the chain runs for the second time. */
  readonly round: number;
  /** Lets the chain run once more; without effect in round 1. */
  request(): void;
  /** What a plugin keeps from round to round of one request; made when first asked for. */
  state<T>(plugin: AdmissionPlugin, make: () => T): T;
}

/**
 * An admission plugin under its upstream name. `admit` may change the object; `validate` runs after all mutations and
 * after the object's own validation is known to hold. Refuse by throwing a StatusError (usually `forbidden`).
 */
export interface AdmissionPlugin {
  readonly name: string;
  handles(attributes: AdmissionAttributes): boolean;
  admit?(attributes: AdmissionAttributes, reinvocation: Reinvocation): Promise<void> | void;
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
  /** Called once, before the first request is served: begins to follow what the plugin's decisions depend on. */
  start?(): Promise<void>;
  stop?(): void;
}
