import type { ResourceType, UnknownObject } from "../../api/object.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AdmissionAttributes } from "../admission/admission.ts";

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
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
  /** See AdmissionAttributes. */
  readonly annotate?: AdmissionAttributes["annotate"];
}
