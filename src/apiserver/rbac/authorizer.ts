import type { PolicyRule, Subject } from "../../api/types/rbac.v1.ts";
import { ruleAllows } from "../authorization/policy-rule.ts";
import type { ResolvingAuthorizer } from "../authorization/union.ts";
import type { Binding, PolicyIndex } from "./policy-index.ts";

/** The mode RBAC, answered from the index without waiting for anything. It allows or has no opinion; it never denies. */
export function rbacAuthorizer(index: PolicyIndex): ResolvingAuthorizer {
  return {
    authorize(attributes) {
      let allowedBy: string | undefined;
      const errors = new Set<string>();
      index.visit(
        attributes.user,
        attributes.namespace ?? "",
        (rule, binding, subject) => {
          if (!ruleAllows(rule, attributes)) return false;
          allowedBy = describe(binding, subject);
          return true;
        },
        (error) => errors.add(error),
      );
      if (allowedBy !== undefined) return { decision: "allow", reason: `RBAC: allowed by ${allowedBy}` };
      if (errors.size === 0) return { decision: "no-opinion" };
      return {
        decision: "no-opinion",
        reason: `RBAC: ${errors.size === 1 ? [...errors][0] : `[${[...errors].join(", ")}]`}`,
      };
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

function describe(binding: Binding, subject: Subject): string {
  const { name, namespace, roleRef } = binding;
  const who = subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
  const what = namespace
    ? `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}`
    : `ClusterRoleBinding ${JSON.stringify(name)}`;
  return `${what} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}
