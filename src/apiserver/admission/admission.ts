import type { ResourceType, UnknownObject } from "../../api/object.ts";
import type { UserInfo } from "../../api/user.ts";

/** A write on its way to the registry. */
export interface AdmissionAttributes {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly type: ResourceType;
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
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
}

/**
 * An admission plugin under its upstream name. `admit` may change the object; `validate` runs after all mutations and
 * after the object's own validation is known to hold. Refuse by throwing a StatusError (usually `forbidden`).
 */
export interface AdmissionPlugin {
  readonly name: string;
  handles(attributes: AdmissionAttributes): boolean;
  admit?(attributes: AdmissionAttributes): Promise<void> | void;
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
}
