import type { ResourceType, UnknownObject } from "../../api/object.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AdmissionAttributes, ObjectKind } from "../admission/admission.ts";

/** Who writes, and how: what the endpoints hand to the registry beside the object. */
export interface WriteRequest {
  readonly user: UserInfo;
  /** Absent for the object itself. */
  readonly subresource?: string;
  /** Everything happens but the write. */
  readonly dryRun: boolean;
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions, for admission. */
  readonly options: UnknownObject;
  /** The resource in the version that the request named; absent where that is the stored one. */
  readonly requested?: ResourceType;
  /** See AdmissionAttributes. */
  readonly signal?: AbortSignal;
  /** What admission sees instead of the object. */
  readonly admittedAs?: AdmittedAs;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
  /** See AdmissionAttributes. */
  readonly annotate?: AdmissionAttributes["annotate"];
}

/** A view of an object that is written through a subresource of another kind: its Scale. */
export interface AdmittedAs {
  readonly subresource: string;
  readonly kind: ObjectKind;
  /** A private object. */
  show(object: UnknownObject): UnknownObject;
  /** Takes over into the object what admission made of the view. */
  takeOver(object: UnknownObject, shown: UnknownObject): void;
}
