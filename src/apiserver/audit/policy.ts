import { checkDnsSubdomain } from "../../api/names.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { at, child, invalid, notSupported, required } from "../../api/resources/field-errors.ts";
import type { UserInfo } from "../../api/user.ts";
import type { RequestInfo } from "../request-info.ts";
import { type AuditLevel, type AuditStage, LEVELS, STAGES } from "./event.ts";

/** The audit.k8s.io/v1 Policy: the first rule that matches a request says how much of it is recorded. */
export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly {
    readonly group?: string;
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

/** What the policy says about one request. */
export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

/** Decides by `policy`; what no rule matches is not recorded. `user` is undefined where nobody was authenticated. */
export function policyEvaluator(policy: AuditPolicy): (info: RequestInfo, user?: UserInfo) => AuditDecision {
  const decide = ({ level, omitStages = [], omitManagedFields }: AuditRule): AuditDecision => ({
    level,
    omitStages: new Set([...(policy.omitStages ?? []), ...omitStages]),
    omitManagedFields: omitManagedFields ?? policy.omitManagedFields ?? false,
  });
  const rules = policy.rules.map((rule) => ({ rule, decision: decide(rule) }));
  const otherwise = decide({ level: "None" });
  return (info, user) => rules.find(({ rule }) => matches(rule, info, user))?.decision ?? otherwise;
}

function matches(rule: AuditRule, info: RequestInfo, user: UserInfo | undefined): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceURLs } = rule;
  if (users?.length && !(user && users.includes(user.name))) return false;
  if (userGroups?.length && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs?.length && !verbs.includes(info.verb)) return false;
  if (namespaces?.length || resources?.length) return matchesResource(rule, info);
  if (nonResourceURLs?.length) {
    return !info.isResource && nonResourceURLs.some((pattern) => matchesPath(pattern, info.path));
  }
  return true;
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, ""));
}

function matchesResource({ namespaces, resources }: AuditRule, info: RequestInfo): boolean {
  if (!info.isResource) return false;
  if (namespaces?.length && !namespaces.includes(info.namespace)) return false;
  if (!resources?.length) return true;
  const { resource, subresource, name } = info;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  return resources.some(({ group = "", resources: patterns = [], resourceNames = [] }) => {
    if (group !== info.group && group !== "*") return false;
    if (patterns.length === 0) return true;
    if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
    return patterns.some(
      (pattern) =>
        pattern === combined ||
        pattern === "*" ||
        pattern === `${resource}/*` ||
        (subresource !== "" && pattern === `*/${subresource}`),
    );
  });
}

/** The problems of a policy, in upstream's words. */
export function policyProblems(policy: AuditPolicy): FieldError[] {
  const errors = stageProblems(policy.omitStages, "omitStages");
  for (const [index, rule] of (policy.rules ?? []).entries()) {
    const path = at("rules", index);
    if (!rule.level) errors.push(required(child(path, "level"), ""));
    else if (!LEVELS.includes(rule.level)) errors.push(notSupported(child(path, "level"), rule.level, LEVELS));
    errors.push(...urlProblems(rule.nonResourceURLs, child(path, "nonResourceURLs")));
    for (const { group = "", resources = [], resourceNames = [] } of rule.resources ?? []) {
      const field = child(path, "resources");
      if (group !== "" && group !== "*") {
        const problems = checkDnsSubdomain(group);
        if (problems.length > 0) errors.push(invalid(child(field, "group"), group, problems.join(",")));
      }
      if (resourceNames.length > 0 && resources.length === 0) {
        const detail = "using resourceNames requires at least one resource";
        errors.push(invalid(child(field, "resourceNames"), resourceNames, detail));
      }
    }
    errors.push(...stageProblems(rule.omitStages, child(path, "omitStages")));
    if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length)) {
      const detail = "rules cannot apply to both regular resources and non-resource URLs";
      errors.push(invalid(child(path, "nonResourceURLs"), rule.nonResourceURLs, detail));
    }
  }
  return errors;
}

function urlProblems(urls: readonly string[] = [], path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, url] of urls.entries()) {
    if (url === "*") continue;
    if (!url.startsWith("/")) {
      errors.push(invalid(at(path, index), url, "non-resource URL rules must begin with a '/' character"));
    }
    if (url.slice(0, -1).includes("*")) {
      const detail = "non-resource URL wildcards '*' must be the final character of the rule";
      errors.push(invalid(at(path, index), url, detail));
    }
  }
  return errors;
}

function stageProblems(stages: readonly string[] = [], path: string): FieldError[] {
  return stages.flatMap((stage, index) =>
    STAGES.includes(stage as AuditStage)
      ? []
      : [invalid(at(path, index), stage, `allowed stages are ${STAGES.join(",")}`)],
  );
}
