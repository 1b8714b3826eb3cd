import type { PolicyRule } from "../../api/types/rbac.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AuthorizationAttributes } from "../authorization.ts";
import type { ResolvingAuthorizer } from "./union.ts";

/** One line of upstream's --authorization-policy-file: abac.authorization.kubernetes.io/v1beta1, kind Policy. */
export interface AbacPolicy {
  readonly user?: string;
  readonly group?: string;
  readonly readonly?: boolean;
  readonly apiGroup?: string;
  readonly namespace?: string;
  readonly resource?: string;
  readonly nonResourcePath?: string;
}

const FIELDS = ["user", "group", "readonly", "apiGroup", "namespace", "resource", "nonResourcePath"];
const API_VERSION = "abac.authorization.kubernetes.io/v1beta1";

/** The policies of a file, one JSON object per line. Throws an Error that names the line which can't be read. */
export function parseAbacPolicies(content: string): AbacPolicy[] {
  const policies: AbacPolicy[] = [];
  for (const [index, line] of content.split("\n").entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const wrong = (reason: string) => new Error(`error reading policy file, line ${index}: ${text}: ${reason}`);
    let policy: { apiVersion?: unknown; kind?: unknown; spec?: Record<string, unknown> };
    try {
      policy = JSON.parse(text);
    } catch (error) {
      throw wrong((error as Error).message);
    }
    if (policy?.apiVersion !== API_VERSION || policy.kind !== "Policy") {
      throw wrong(`expected ${API_VERSION}, kind Policy; policies without a version are not supported`);
    }
    const spec = policy.spec ?? {};
    for (const [field, value] of Object.entries(spec)) {
      if (!FIELDS.includes(field)) throw wrong(`unknown field "spec.${field}"`);
      const type = field === "readonly" ? "boolean" : "string";
      if (typeof value !== type) throw wrong(`spec.${field} must be a ${type}`);
    }
    policies.push(spec);
  }
  return policies;
}

/** The mode ABAC: attribute-based policies from a file. */
export function abacAuthorizer(policies: readonly AbacPolicy[]): ResolvingAuthorizer {
  return {
    authorize: (attributes) =>
      policies.some((policy) => matches(policy, attributes))
        ? { decision: "allow" }
        : { decision: "no-opinion", reason: "No policy matched." },
    rulesFor(user, namespace) {
      const rules = policies
        .filter((policy) => isSubject(policy, user))
        .flatMap((policy): PolicyRule[] => {
          const verbs = policy.readonly ? [...READING] : ["*"];
          if (policy.resource && fits(policy.namespace, namespace)) {
            return [{ verbs, apiGroups: [policy.apiGroup ?? ""], resources: [policy.resource] }];
          }
          return policy.nonResourcePath ? [{ verbs, nonResourceURLs: [policy.nonResourcePath] }] : [];
        });
      return { rules, incomplete: false, errors: [] };
    },
  };
}

const READING = ["get", "list", "watch"];
const fits = (pattern = "", value = "") => pattern === "*" || pattern === value;

function matches(policy: AbacPolicy, attributes: AuthorizationAttributes): boolean {
  if (!isSubject(policy, attributes.user)) return false;
  if (policy.readonly && !READING.includes(attributes.verb)) return false;
  if (attributes.resource === undefined) {
    const { nonResourcePath: pattern = "" } = policy;
    const path = attributes.path ?? "";
    return fits(pattern, path) || (pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, "")));
  }
  return (
    fits(policy.namespace, attributes.namespace) &&
    fits(policy.resource, attributes.resource) &&
    fits(policy.apiGroup, attributes.group)
  );
}

/** A policy names a user, a group or both; then both must fit. */
function isSubject({ user = "", group = "" }: AbacPolicy, who: UserInfo): boolean {
  if (user !== "" && !fits(user, who.name)) return false;
  if (group !== "" && group !== "*" && !who.groups.includes(group)) return false;
  return user !== "" || group !== "";
}
