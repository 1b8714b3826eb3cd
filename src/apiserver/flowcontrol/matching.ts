import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from "../../api/types/flowcontrol.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { RequestInfo } from "../request-info.ts";

/** Whether a request of `user` belongs to the flows of `schema`. */
export function matchesSchema(schema: FlowSchema, info: RequestInfo, user: UserInfo): boolean {
  const rules = schema.spec?.rules;
  if (!rules) return false;
  for (const rule of rules) if (matchesRules(rule, info, user)) return true;
  return false;
}

/** In the order in which they are tried: lower precedence first, then by name. */
export function byPrecedence(a: FlowSchema, b: FlowSchema): number {
  const difference = (a.spec?.matchingPrecedence ?? 0) - (b.spec?.matchingPrecedence ?? 0);
  if (difference !== 0) return difference;
  const [first, second] = [a.metadata?.name ?? "", b.metadata?.name ?? ""];
  return first < second ? -1 : first > second ? 1 : 0;
}

function matchesRules(rules: PolicyRulesWithSubjects, info: RequestInfo, user: UserInfo): boolean {
  if (!rules.subjects?.some((subject) => matchesSubject(subject, user))) return false;
  if (info.isResource) return rules.resourceRules?.some((rule) => matchesResource(rule, info)) ?? false;
  return rules.nonResourceRules?.some((rule) => matchesPath(rule, info)) ?? false;
}

const ACCOUNT_PREFIX = "system:serviceaccount:";

function matchesSubject(subject: Subject, user: UserInfo): boolean {
  switch (subject.kind) {
    case "User":
      return subject.user !== undefined && (subject.user.name === "*" || subject.user.name === user.name);
    case "Group":
      return subject.group !== undefined && (subject.group.name === "*" || user.groups.includes(subject.group.name));
    case "ServiceAccount": {
      if (!subject.serviceAccount) return false;
      const { namespace, name } = subject.serviceAccount;
      const account = `${ACCOUNT_PREFIX}${namespace}:`;
      return name === "*" ? user.name.startsWith(account) : user.name === account + name;
    }
    default:
      return false;
  }
}

function matchesResource(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  if (!contains(rule.verbs, info.verb) || !contains(rule.apiGroups, info.group)) return false;
  const resource = info.subresource === "" ? info.resource : `${info.resource}/${info.subresource}`;
  if (!contains(rule.resources, resource)) return false;
  return info.namespace === "" ? rule.clusterScope === true : contains(rule.namespaces, info.namespace);
}

function matchesPath(rule: NonResourcePolicyRule, info: RequestInfo): boolean {
  if (!contains(rule.verbs, info.verb)) return false;
  return rule.nonResourceURLs.some((url) => {
    if (url === "*" || url === info.path) return true;
    const prefix = url.endsWith("*") ? url.slice(0, -1) : url;
    return info.path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
  });
}

/** A wildcard stands alone. */
function contains(list: readonly string[] | undefined, value: string): boolean {
  if (!list) return false;
  return (list.length === 1 && list[0] === "*") || list.includes(value);
}
