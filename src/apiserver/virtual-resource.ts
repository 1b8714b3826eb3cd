import type { ResourceType, UnknownObject } from "../api/object.ts";
import type { UserInfo } from "../api/user.ts";

/**
 * A resource, or subresource, that is only ever created and never stored: the reviews, and ServiceAccount tokens. The
 * server authenticates, authorizes, decodes and admits such a request like any other, then answers with what `create`
 * returns, as 201.
 */
export interface VirtualResource {
  /** Of the path: for `serviceaccounts/token` the type is serviceaccounts. */
  readonly type: ResourceType;
  readonly subresource?: string;
  /** The kind of the objects posted and returned, where it is not the type's own. */
  readonly bodyKind?: { readonly group: string; readonly version: string; readonly kind: string };
  /** `object` is a private copy. Throws StatusErrors. */
  create(object: UnknownObject, request: VirtualRequest): Promise<UnknownObject>;
}

export interface VirtualRequest {
  readonly user: UserInfo;
  /** The namespace and, for a subresource, the object's name in the path. */
  readonly namespace?: string;
  readonly name?: string;
  /** Everything is to happen but a change of anything. */
  readonly dryRun?: boolean;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
}
