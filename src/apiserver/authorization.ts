import type { UserInfo } from "../api/user.ts";

/** A request as authorization sees it. For a path that is no resource, only `user`, `verb` and `path` are set. */
export interface AuthorizationAttributes {
  readonly user: UserInfo;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, and special verbs like `bind`. */
  readonly verb: string;
  readonly path?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** The selectors of a list, watch or deletecollection, as in the query; KEP-4601 lets authorizers look at them. */
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface AuthorizationDecision {
  readonly decision: "allow" | "deny" | "no-opinion";
  /** Why; shown to the client after `forbidden:` where the request is refused. */
  readonly reason?: string;
  /** What went wrong on the way, such as a webhook that can't be reached. Where nothing allows the request, it is a 500. */
  readonly error?: string;
}

/** Decides whether a user may do something. Answered from memory on the hot path. */
export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): AuthorizationDecision | Promise<AuthorizationDecision>;
}
