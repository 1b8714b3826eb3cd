import type { UserInfo } from "../../api/user.ts";

/** Who may talk to the kubelet, and what they may do. */
export interface ServerAccess {
  /** The user of a verified client certificate is known already; this one turns a bearer token into a user. */
  authenticateToken(token: string): Promise<UserInfo | undefined>;
  authorize(user: UserInfo, request: NodeRequest): Promise<{ allowed: boolean; reason?: string }>;
}

/** A request to the kubelet as authorization sees it: always about the node. */
export interface NodeRequest {
  /** As the API's verbs: `get`, `create` and so on. */
  readonly verb: string;
  readonly subresource: string;
  readonly nodeName: string;
}

const VERBS: Record<string, string> = { POST: "create", GET: "get", PUT: "update", PATCH: "patch", DELETE: "delete" };

/** Paths that have a subresource of their own; all others need `nodes/proxy`. */
const SUBRESOURCES: readonly (readonly [prefix: string, ...subresources: string[]])[] = [
  ["/stats", "stats"],
  ["/metrics", "metrics"],
  ["/pods", "pods", "proxy"],
  ["/healthz", "healthz", "proxy"],
  ["/configz", "configz", "proxy"],
];

/** What a request needs to be allowed: any one of these (KEP-2862, fine-grained kubelet authorization). */
export function nodeRequests(method: string, path: string, nodeName: string): NodeRequest[] {
  const verb = VERBS[method] ?? "";
  const found = SUBRESOURCES.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
  const subresources = found ? found.slice(1) : ["proxy"];
  return subresources.map((subresource) => ({ verb, subresource, nodeName }));
}
