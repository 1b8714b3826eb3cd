import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from "../../api/types/flowcontrol.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { RequestInfo } from "../request-info.ts";

/** The rules of a schema that are about `user`, whatever the request. */
export function rulesFor(schema: FlowSchema, user: UserInfo): readonly PolicyRulesWithSubjects[] {
  const rules = schema.spec?.rules ?? [];
  return rules.filter(({ subjects }) => subjects?.some((subject) => matchesSubject(subject, user)));
}

/** Whether a request is what one of the rules is about. */
export function matchesRequest(rules: readonly PolicyRulesWithSubjects[], info: RequestInfo): boolean {
  for (const { resourceRules, nonResourceRules } of rules) {
    if (info.isResource) {
      if (resourceRules) for (const rule of resourceRules) if (matchesResource(rule, info)) return true;
    } else if (nonResourceRules) {
      for (const rule of nonResourceRules) if (matchesPath(rule, info)) return true;
    }
  }
  return false;
}

/** In the order in which they are tried: lower precedence first, then by name. */
export function byPrecedence(a: FlowSchema, b: FlowSchema): number {
  const difference = (a.spec?.matchingPrecedence ?? 0) - (b.spec?.matchingPrecedence ?? 0);
  if (difference !== 0) return difference;
  const [first, second] = [a.metadata?.name ?? "", b.metadata?.name ?? ""];
  return first < second ? -1 : first > second ? 1 : 0;
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
