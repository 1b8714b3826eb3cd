import { unauthorized } from "../../api/status-error.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Authenticator } from "../authentication.ts";
import { header } from "../http/exchange.ts";
import { ANONYMOUS, AUTHENTICATED_GROUP, type Filter } from "./context.ts";

/**
 * Finds out who makes the request. Credentials that nobody accepts are a 401; without any the user is anonymous where
 * that is allowed.
 */
export function authentication(authenticator: Authenticator, options: { anonymous: boolean }): Filter {
  return async (context, next) => {
    const { request } = context;
    if (request.identity) {
      context.user = withGroup(request.identity);
      return next(context);
    }
    const user = await authenticator.authenticate({ headers: request.headers, certificate: request.certificate });
    if (user) {
      context.user = user.groups.includes("system:unauthenticated") ? user : withGroup(user);
      return next(context);
    }
    const tried = request.certificateError !== undefined || header(request, "authorization") !== undefined;
    if (tried || !options.anonymous) throw unauthorized();
    context.user = ANONYMOUS;
    return next(context);
  };
}

const completed = new WeakMap<UserInfo, UserInfo>();

/** The user as a member of `system:authenticated`. */
function withGroup(user: UserInfo): UserInfo {
  if (user.groups.includes(AUTHENTICATED_GROUP)) return user;
  let complete = completed.get(user);
  if (!complete) {
    complete = { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
    completed.set(user, complete);
  }
  return complete;
}
