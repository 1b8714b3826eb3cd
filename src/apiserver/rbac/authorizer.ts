import type { PolicyRule, Subject } from "../../api/types/rbac.v1.ts";
import { ruleAllows } from "../authorization/policy-rule.ts";
import type { ResolvingAuthorizer } from "../authorization/union.ts";
import type { AuthorizationAttributes, AuthorizationDecision } from "../authorization.ts";
import { KnownDecisions } from "./known-decisions.ts";
import type { Binding, PolicyIndex } from "./policy-index.ts";

/** The mode RBAC, answered from the index without waiting for anything. It allows or has no opinion; it never denies. */
export function rbacAuthorizer(index: PolicyIndex): ResolvingAuthorizer {
  const decide = (attributes: AuthorizationAttributes): Decided => {
    let allowedBy: string | undefined;
    let isByName = false;
    const errors = new Set<string>();
    index.visit(
      attributes.user,
      attributes.namespace ?? "",
      (rule, binding, subject) => {
        isByName ||= (rule.resourceNames?.length ?? 0) > 0;
        if (!ruleAllows(rule, attributes)) return false;
        allowedBy = describe(binding, subject);
        return true;
      },
      (error) => errors.add(error),
    );
    return { decision: decisionOf(allowedBy, errors), isByName };
  };
  const known = new KnownDecisions(index);
  return {
    authorize(attributes) {
      const remembered = known.of(attributes);
      if (remembered) return remembered;
      const { decision, isByName } = decide(attributes);
      if (!isByName) known.keep(attributes, decision);
      return decision;
    },
    rulesFor(user, namespace) {
      const rules = new Set<PolicyRule>();
      const errors = new Set<string>();
      index.visit(
        user,
        namespace,
        (rule) => {
          rules.add(rule);
          return false;
        },
        (error) => errors.add(error),
      );
      return { rules: [...rules], incomplete: false, errors: [...errors] };
    },
  };
}

interface Decided {
  readonly decision: AuthorizationDecision;
  /** Whether a rule that was looked at is only about objects of certain names. */
  readonly isByName: boolean;
}

function decisionOf(allowedBy: string | undefined, errors: ReadonlySet<string>): AuthorizationDecision {
  if (allowedBy !== undefined) return { decision: "allow", reason: `RBAC: allowed by ${allowedBy}` };
  if (errors.size === 0) return { decision: "no-opinion" };
  return {
    decision: "no-opinion",
    reason: `RBAC: ${errors.size === 1 ? [...errors][0] : `[${[...errors].join(", ")}]`}`,
  };
}

function describe(binding: Binding, subject: Subject): string {
  const { name, namespace, roleRef } = binding;
  const who = subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
  const what = namespace
    ? `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}`
    : `ClusterRoleBinding ${JSON.stringify(name)}`;
  return `${what} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}
