import { internalError } from "../../api/status-error.ts";
import type { UserInfo } from "../../api/user.ts";
import { ANONYMOUS, AUTHENTICATED_GROUP } from "../authentication/union.ts";
import type { Authorizer } from "../authorization.ts";
import { type ApiRequest, header, headerValues, type RequestHeaders } from "../http/exchange.ts";
import { refusal } from "./authorization.ts";
import type { Filter, RequestContext } from "./context.ts";

const EXTRA_PREFIX = "impersonate-extra-";
const AUTHENTICATION_GROUP = "authentication.k8s.io";
const SERVICE_ACCOUNT_USER = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * Acts as the user that the Impersonate-* headers name, where the requester has the verb `impersonate` on that user, on
 * each group, uid and extra value. See https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/.
 */
export function impersonation(authorizer: Authorizer): Filter {
  const impersonate = async (context: RequestContext, wanted: UserInfo): Promise<void> => {
    const user = context.user;
    for (const target of targets(wanted)) {
      const attributes = { user, verb: "impersonate", path: context.info.path, version: "v1", ...target };
      const { decision, reason } = await authorizer.authorize(attributes);
      if (decision !== "allow") throw refusal(attributes, reason);
    }
    context.user = complete(wanted);
    context.audit?.impersonated(context.user);
  };
  return (context, next) => {
    const wanted = requested(context.request);
    return wanted ? impersonate(context, wanted).then(() => next(context)) : next(context);
  };
}

function requested(request: ApiRequest): UserInfo | undefined {
  const { headers } = request;
  if (!hasImpersonation(headers)) return undefined;
  const name = header(request, "impersonate-user") ?? "";
  const uid = header(request, "impersonate-uid");
  const groups = headerValues(request, "impersonate-group");
  let extra: Record<string, readonly string[]> | undefined;
  for (const key in headers) {
    if (!key.startsWith(EXTRA_PREFIX)) continue;
    extra = { ...extra, [decodeKey(key.slice(EXTRA_PREFIX.length))]: headerValues(request, key) };
  }
  if (name !== "") return { name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
  if (uid || groups.length > 0 || extra) {
    throw internalError("requested impersonation details without impersonating a user");
  }
  return undefined;
}

/** Nearly all requests have no such header. */
function hasImpersonation(headers: RequestHeaders): boolean {
  for (const key in headers) if (key.startsWith("impersonate-")) return true;
  return false;
}

/** Extra keys are percent-encoded where a header name can't carry them. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

interface Target {
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name: string;
}

function* targets(wanted: UserInfo): Generator<Target> {
  const account = SERVICE_ACCOUNT_USER.exec(wanted.name);
  if (account) yield { group: "", resource: "serviceaccounts", namespace: account[1]!, name: account[2]! };
  else yield { group: "", resource: "users", name: wanted.name };
  for (const name of wanted.groups) yield { group: "", resource: "groups", name };
  if (wanted.uid) yield { group: AUTHENTICATION_GROUP, resource: "uids", name: wanted.uid };
  for (const [subresource, values] of Object.entries(wanted.extra ?? {})) {
    for (const name of values) yield { group: AUTHENTICATION_GROUP, resource: "userextras", subresource, name };
  }
}

/** Adds the groups that such a user has by itself. */
function complete(wanted: UserInfo): UserInfo {
  const groups = [...wanted.groups];
  const account = SERVICE_ACCOUNT_USER.exec(wanted.name);
  if (account && groups.length === 0) groups.push("system:serviceaccounts", `system:serviceaccounts:${account[1]}`);
  if (wanted.name === ANONYMOUS.name) {
    if (!groups.includes(ANONYMOUS.groups[0]!)) groups.push(ANONYMOUS.groups[0]!);
  } else if (!groups.includes(AUTHENTICATED_GROUP) && !groups.includes(ANONYMOUS.groups[0]!)) {
    groups.push(AUTHENTICATED_GROUP);
  }
  return { ...wanted, groups };
}
