import { forbidden } from "../../api/status-error.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization.ts";
import type { RequestInfo } from "../request-info.ts";
import type { Filter } from "./context.ts";

/** Lets a request through only where the authorizer allows it; otherwise a 403 in upstream's words. */
export function authorization(authorizer: Authorizer): Filter {
  return async (context, next) => {
    const attributes = requestAttributes(context.info, context.user);
    const answer = authorizer.authorize(attributes);
    const { decision, reason } = answer instanceof Promise ? await answer : answer;
    if (decision !== "allow") throw refusal(attributes, reason);
    return next(context);
  };
}

/** A request as the authorizer sees it. */
export function requestAttributes(info: RequestInfo, user: UserInfo): AuthorizationAttributes {
  if (!info.isResource) return { user, verb: info.verb, path: info.path };
  const { verb, path, group, version, resource, subresource, namespace, name } = info;
  return { user, verb, path, group, version, resource, subresource, namespace, name };
}

/** The 403 for attributes that were not allowed. */
export function refusal(attributes: AuthorizationAttributes, reason: string | undefined) {
  const { user, verb, path, group = "", resource = "", subresource, namespace, name } = attributes;
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  let message: string;
  if (resource === "") {
    message = `${who} path ${JSON.stringify(path ?? "")}`;
  } else {
    const full = subresource ? `${resource}/${subresource}` : resource;
    const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : "at the cluster scope";
    message = `${who} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`;
  }
  return forbidden({ group, resource }, name, reason ? `${message}: ${reason}` : message);
}
