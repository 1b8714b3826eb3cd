import type { PolicyRule } from "../../api/types/rbac.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "../authorization.ts";

export const MASTERS_GROUP = "system:masters";

/** An authorizer that can also tell what a user may do. */
export interface RuleResolver {
  rulesFor(user: UserInfo, namespace: string): ResolvedRules;
}

export interface ResolvedRules {
  readonly rules: readonly PolicyRule[];
  /** Whether the user may be allowed more than the rules say, and why that isn't known. */
  readonly incomplete: boolean;
  readonly errors: readonly string[];
}

export type ResolvingAuthorizer = Authorizer & RuleResolver;

const NO_OPINION: AuthorizationDecision = { decision: "no-opinion" };
const ALL_RULES: ResolvedRules = {
  rules: [
    { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
    { verbs: ["*"], nonResourceURLs: ["*"] },
  ],
  incomplete: false,
  errors: [],
};
const NO_RULES: ResolvedRules = { rules: [], incomplete: false, errors: [] };

/** Members of `system:masters` may do everything. Always asked first, as upstream does whatever the modes are. */
export const superuserAuthorizer: ResolvingAuthorizer = {
  authorize: ({ user }) => (user.groups.includes(MASTERS_GROUP) ? { decision: "allow" } : NO_OPINION),
  // Upstream's has no rules of its own to tell: the binding to cluster-admin has them.
  rulesFor: () => NO_RULES,
};

/** The mode AlwaysAllow. */
export const alwaysAllow: ResolvingAuthorizer = {
  authorize: () => ({ decision: "allow" }),
  rulesFor: () => ALL_RULES,
};

/** The mode AlwaysDeny. */
export const alwaysDeny: ResolvingAuthorizer = {
  authorize: () => ({ decision: "no-opinion", reason: "Everything is forbidden." }),
  rulesFor: () => NO_RULES,
};

/** Asks one after the other; the first opinion counts. The reasons of those without one are joined. */
export function authorizerUnion(authorizers: readonly ResolvingAuthorizer[]): ResolvingAuthorizer {
  const goOn = async (
    first: Promise<AuthorizationDecision>,
    from: number,
    attributes: AuthorizationAttributes,
    reasons: string[],
    errors: string[],
  ): Promise<AuthorizationDecision> => {
    let decision = await first;
    for (let next = from; ; next++) {
      if (decision.decision !== "no-opinion") return decision;
      if (decision.reason) reasons.push(decision.reason);
      if (decision.error) errors.push(decision.error);
      if (next >= authorizers.length) return refused(reasons, errors);
      decision = await authorizers[next]!.authorize(attributes);
    }
  };
  return {
    // Stays synchronous as long as those asked are: nearly every request is decided without a promise.
    authorize(attributes) {
      const reasons: string[] = [];
      const errors: string[] = [];
      for (let index = 0; index < authorizers.length; index++) {
        const answer = authorizers[index]!.authorize(attributes);
        if (answer instanceof Promise) return goOn(answer, index + 1, attributes, reasons, errors);
        if (answer.decision !== "no-opinion") return answer;
        if (answer.reason) reasons.push(answer.reason);
        if (answer.error) errors.push(answer.error);
      }
      return refused(reasons, errors);
    },
    rulesFor(user, namespace) {
      const found = authorizers.map((authorizer) => authorizer.rulesFor(user, namespace));
      return {
        rules: found.flatMap(({ rules }) => rules),
        incomplete: found.some(({ incomplete }) => incomplete),
        errors: found.flatMap(({ errors }) => errors),
      };
    },
  };
}

function refused(reasons: readonly string[], errors: readonly string[]): AuthorizationDecision {
  if (reasons.length === 0 && errors.length === 0) return NO_OPINION;
  return {
    decision: "no-opinion",
    ...(reasons.length > 0 ? { reason: reasons.join("\n") } : {}),
    ...(errors.length > 0 ? { error: errors.length === 1 ? errors[0]! : `[${errors.join(", ")}]` } : {}),
  };
}
