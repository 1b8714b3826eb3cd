import { semanticEqual } from "../../api/json-equal.ts";
import type { UnknownObject } from "../../api/object.ts";
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../../api/resource-types.ts";
import { forbidden, notFound } from "../../api/status-error.ts";
import type { ClusterRole, PolicyRule, Role, RoleBinding } from "../../api/types/rbac.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";
import { MASTERS_GROUP, type RuleResolver } from "../authorization/union.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization.ts";
import { describeRule, missingRules, quotedList } from "./coverage.ts";
import type { PolicyIndex } from "./policy-index.ts";

const GROUP = "rbac.authorization.k8s.io";
const ROLES = new Set([roles.resource, clusterRoles.resource]);
const BINDINGS = new Set([roleBindings.resource, clusterRoleBindings.resource]);
const FULL_AUTHORITY: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/**
 * Keeps users from giving themselves or others what they don't have: who writes a role must hold its permissions or
 * the verb `escalate`; who writes a binding must hold the role's permissions or the verb `bind`. Always on, whatever
 * plugins are enabled; upstream does the same check in its storage of these resources.
 */
export function escalationCheck(options: {
  authorizer: Authorizer;
  rules: RuleResolver;
  index: PolicyIndex;
}): AdmissionPlugin {
  const { authorizer, rules, index } = options;

  const allowed = async (attributes: AuthorizationAttributes) =>
    (await authorizer.authorize(attributes)).decision === "allow";

  /** Why `user` may not grant `wanted`, if so. */
  const refusal = (user: UserInfo, namespace: string, wanted: readonly PolicyRule[]): string | undefined => {
    const held = rules.rulesFor(user, namespace);
    const missing = missingRules(held.rules, wanted);
    if (missing.length === 0) return undefined;
    const list = [...new Set(missing.map(describeRule))].sort().join("\n");
    const errors = held.errors.length > 0 ? `; resolution errors: [${held.errors.join(" ")}]` : "";
    return `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${list}${errors}`;
  };

  const checkRole = async ({ operation, type, user, namespace = "", name, object, oldObject }: AdmissionAttributes) => {
    const { resource, version } = type;
    // As in any authorization of a creation, the name isn't known.
    const known = operation === "CREATE" ? {} : { name };
    const escalate = { user, verb: "escalate", group: GROUP, version, resource, namespace, ...known };
    if (await allowed(escalate)) return;
    const role = object as ClusterRole & Role;
    const problem = refusal(user, namespace, role.rules ?? []);
    if (problem) throw forbidden(type, role.metadata?.name ?? name, problem);
    if (!aggregates(role) && !aggregates(oldObject as ClusterRole | undefined)) return;
    if (refusal(user, namespace, FULL_AUTHORITY)) {
      const message = "must have cluster-admin privileges to use the aggregationRule";
      throw forbidden(type, role.metadata?.name ?? name, message);
    }
  };

  const checkBinding = async ({ type, user, namespace = "", name, object }: AdmissionAttributes) => {
    const { roleRef, metadata } = object as UnknownObject & RoleBinding;
    const resource = roleRef.kind === "ClusterRole" ? clusterRoles.resource : roles.resource;
    const bind = { user, verb: "bind", group: GROUP, version: "*", resource, namespace, name: roleRef.name };
    if (await allowed(bind)) return;
    const granted = index.rulesOf(roleRef, namespace);
    if (!granted) throw notFound({ group: GROUP, resource }, roleRef.name);
    const problem = refusal(user, namespace, granted);
    if (problem) throw forbidden(type, metadata?.name ?? name, problem);
  };

  return {
    name: "RBACEscalationCheck",
    handles: ({ type, operation, subresource }) =>
      type.group === GROUP && !subresource && (operation === "CREATE" || operation === "UPDATE"),
    async validate(attributes) {
      const { type, user, object, oldObject } = attributes;
      if (user.groups.includes(MASTERS_GROUP) || onlyCollectorFields(object, oldObject)) return;
      if (ROLES.has(type.resource)) await checkRole(attributes);
      else if (BINDINGS.has(type.resource)) await checkBinding(attributes);
    },
  };
}

const aggregates = (role: ClusterRole | undefined) => Boolean(role?.aggregationRule?.clusterRoleSelectors?.length);

/** Whether an update changes nothing but what the garbage collector needs to change. */
function onlyCollectorFields(object: UnknownObject | undefined, old: UnknownObject | undefined): boolean {
  if (!object || !old) return false;
  const stripped = ({ metadata, ...rest }: UnknownObject) => {
    const { ownerReferences, finalizers, managedFields, ...kept } = metadata ?? {};
    return { ...rest, metadata: kept };
  };
  return semanticEqual(stripped(object), stripped(old));
}
