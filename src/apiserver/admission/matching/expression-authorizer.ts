import type { CelAuthorizer, CelResourceCheck } from "../../../api/cel/cel.ts";
import { serviceAccountGroups, serviceAccountUserName } from "../../../api/service-account-user.ts";
import type { UserInfo } from "../../../api/user.ts";
import { AUTHENTICATED_GROUP } from "../../authentication/union.ts";
import type { Authorizer } from "../../authorization.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { namespaceOf } from "./rules.ts";

/** The authorizer as the variable `authorizer` of expressions shows it, for the user of a request. */
export function expressionAuthorizer(authorizer: Authorizer, user: UserInfo): CelAuthorizer {
  return {
    async authorize({ serviceAccount, ...asked }) {
      try {
        const who = serviceAccount ? accountOf(serviceAccount) : user;
        const { decision, reason } = await authorizer.authorize({ user: who, ...asked });
        return { allowed: decision === "allow", ...(reason ? { reason } : {}) };
      } catch (error) {
        return { allowed: false, error: (error as Error).message };
      }
    },
  };
}

/** `authorizer.requestResource`: checks on the resource of the request itself. */
export function requestResourceCheck(authorizer: CelAuthorizer, attributes: AdmissionAttributes): CelResourceCheck {
  const { type, requested = type, subresource, name } = attributes;
  const { group, version, resource } = requested;
  const namespace = namespaceOf(attributes);
  return { authorizer, request: { group, version, resource, subresource: subresource ?? "", namespace, name } };
}

function accountOf({ namespace, name }: { namespace: string; name: string }): UserInfo {
  return {
    name: serviceAccountUserName(namespace, name),
    groups: [...serviceAccountGroups(namespace), AUTHENTICATED_GROUP],
  };
}
