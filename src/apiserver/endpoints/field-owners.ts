import type { UnknownObject } from "../../api/object.ts";
import type { ResourceRequest } from "./resource-request.ts";
import type { WriteOptions } from "./write-options.ts";

/** Notes in `object` (in the storage version) which manager owns the fields that differ from `live`. */
export function trackOwners(
  _request: ResourceRequest,
  _live: UnknownObject | undefined,
  _object: UnknownObject,
  _options: WriteOptions,
): void {}
