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
  ): Promise<AuthorizationDecision> => {
    let decision = await first;
    for (let next = from; ; next++) {
      if (decision.decision !== "no-opinion") return decision;
      if (decision.reason) reasons.push(decision.reason);
      if (next >= authorizers.length) return refused(reasons);
      decision = await authorizers[next]!.authorize(attributes);
    }
  };
  return {
    // Stays synchronous as long as those asked are: nearly every request is decided without a promise.
    authorize(attributes) {
      const reasons: string[] = [];
      for (let index = 0; index < authorizers.length; index++) {
        const answer = authorizers[index]!.authorize(attributes);
        if (answer instanceof Promise) return goOn(answer, index + 1, attributes, reasons);
        if (answer.decision !== "no-opinion") return answer;
        if (answer.reason) reasons.push(answer.reason);
      }
      return refused(reasons);
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

const refused = (reasons: string[]): AuthorizationDecision =>
  reasons.length === 0 ? NO_OPINION : { decision: "no-opinion", reason: reasons.join("\n") };

/** The modes of upstream's --authorization-mode that Knarr has. */
export type AuthorizationMode = "Node" | "RBAC" | "AlwaysAllow" | "AlwaysDeny";

/**
 * The authorizers of `modes` (upstream's --authorization-mode) in that order, behind the one for superusers. Throws
 * where a mode is unknown, not supported, or given twice.
 */
export function authorizerForModes(
  modes: readonly string[],
  implementations: { Node: ResolvingAuthorizer; RBAC: ResolvingAuthorizer },
): ResolvingAuthorizer {
  const known: Readonly<Record<AuthorizationMode, ResolvingAuthorizer>> = {
    ...implementations,
    AlwaysAllow: alwaysAllow,
    AlwaysDeny: alwaysDeny,
  };
  if (modes.length === 0) throw new Error("at least one authorization-mode must be passed");
  const chosen = modes.map((mode, index) => {
    if (modes.indexOf(mode) !== index) throw new Error(`authorization-mode ${JSON.stringify(mode)} is given twice`);
    if (mode === "ABAC" || mode === "Webhook") throw new Error(`authorization-mode ${mode} is not supported`);
    if (!Object.hasOwn(known, mode)) throw new Error(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`);
    return known[mode as AuthorizationMode];
  });
  return authorizerUnion([superuserAuthorizer, ...chosen]);
}
