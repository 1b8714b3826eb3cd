import type { UserInfo } from "../../api/user.ts";
import type { Authenticator } from "../authentication.ts";

export const AUTHENTICATED_GROUP = "system:authenticated";
export const ANONYMOUS: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };

/** Whether a request without credentials for a path is let through to authorization. */
export type AnonymousPolicy = (path: string) => boolean;

/** The user as a member of `system:authenticated`; the same object for the same user. */
export function authenticated(user: UserInfo): UserInfo {
  if (user.groups.includes(AUTHENTICATED_GROUP)) return user;
  let known = completed.get(user);
  if (!known) {
    known = { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
    completed.set(user, known);
  }
  return known;
}
const completed = new WeakMap<UserInfo, UserInfo>();

/**
 * Asks one authenticator after the other; the first user found counts, and becomes a member of `system:authenticated`.
 * Bad credentials of one kind don't hinder good ones of another. Where there are only bad ones, the first error is
 * thrown; where there are none at all, the request is anonymous if `anonymous` is set.
 */
export function authenticatorUnion(
  authenticators: readonly Authenticator[],
  options: { anonymous: boolean | AnonymousPolicy; onFailure?: (error: unknown) => void },
): Authenticator {
  const { anonymous: allowed } = options;
  const anonymous = typeof allowed === "function" ? allowed : () => allowed;
  return {
    async authenticate(credentials) {
      let failure: unknown;
      for (const authenticator of authenticators) {
        try {
          const user = await authenticator.authenticate(credentials);
          if (user) return authenticated(user);
        } catch (error) {
          failure ??= error;
        }
      }
      if (failure) {
        options.onFailure?.(failure);
        throw failure;
      }
      return anonymous(credentials.path ?? "/") ? ANONYMOUS : undefined;
    },
  };
}
