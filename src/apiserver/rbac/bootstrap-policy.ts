import { selectorOf } from "../../api/label-selector.ts";
import { splitKey } from "../../api/object.ts";
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "../../api/types/rbac.v1.ts";
import { CONTROLLER_ROLES } from "./bootstrap-controller-roles.ts";
import { CLUSTER_ROLES, NAMESPACED_ROLES } from "./bootstrap-roles.ts";

const API_GROUP = "rbac.authorization.k8s.io";
const API_VERSION = `${API_GROUP}/v1`;
const AGGREGATE = `${API_GROUP}/aggregate-to-`;
const VERB_SETS: Readonly<Record<string, readonly string[]>> = {
  READ: ["get", "list", "watch"],
  WRITE: ["create", "delete", "deletecollection", "patch", "update"],
  ALL: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
};

/** The roles made of others, and which aggregate a role is part of. The order is the order in which they are put together. */
const AGGREGATES = ["view", "edit", "admin"] as const;
const PART_OF: Readonly<Record<string, string>> = {
  view: "edit",
  edit: "admin",
  "system:aggregate-to-view": "view",
  "system:aggregate-to-edit": "edit",
  "system:aggregate-to-admin": "admin",
};

/** ClusterRoles with the subjects that have them in the whole cluster: `Kind name`, or `ServiceAccount namespace/name`. */
const CLUSTER_BINDINGS: Readonly<Record<string, readonly string[]>> = {
  "cluster-admin": ["Group system:masters"],
  "system:basic-user": ["Group system:authenticated"],
  "system:discovery": ["Group system:authenticated"],
  "system:kube-controller-manager": ["User system:kube-controller-manager"],
  "system:kube-dns": ["ServiceAccount kube-system/kube-dns"],
  "system:kube-scheduler": ["User system:kube-scheduler"],
  "system:monitoring": ["Group system:monitoring"],
  // Without subjects: kubelets get theirs from the Node authorizer.
  "system:node": [],
  "system:node-proxier": ["User system:kube-proxy"],
  "system:public-info-viewer": ["Group system:authenticated", "Group system:unauthenticated"],
  "system:service-account-issuer-discovery": ["Group system:serviceaccounts"],
  "system:volume-scheduler": ["User system:kube-scheduler"],
};

/** Roles with their subjects, by `namespace/binding`; the Role has the binding's name unless it is given. */
const NAMESPACED_BINDINGS: Readonly<Record<string, { role?: string; subjects: readonly string[] }>> = {
  "kube-public/system:controller:bootstrap-signer": { subjects: ["ServiceAccount kube-system/bootstrap-signer"] },
  "kube-system/system::extension-apiserver-authentication-reader": {
    role: "extension-apiserver-authentication-reader",
    subjects: ["User system:kube-controller-manager", "User system:kube-scheduler"],
  },
  "kube-system/system::leader-locking-kube-controller-manager": {
    subjects: [
      "User system:kube-controller-manager",
      "ServiceAccount kube-system/kube-controller-manager",
      "ServiceAccount kube-system/leader-election-controller",
    ],
  },
  "kube-system/system::leader-locking-kube-scheduler": {
    subjects: ["User system:kube-scheduler", "ServiceAccount kube-system/kube-scheduler"],
  },
  "kube-system/system:controller:bootstrap-signer": { subjects: ["ServiceAccount kube-system/bootstrap-signer"] },
  "kube-system/system:controller:cloud-provider": { subjects: ["ServiceAccount kube-system/cloud-provider"] },
  "kube-system/system:controller:token-cleaner": { subjects: ["ServiceAccount kube-system/token-cleaner"] },
};

/** All that the API server itself puts in place. */
export interface BootstrapPolicy {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

/** The policy as objects, as a new cluster has them: the aggregated roles already carry the rules of their parts. */
export function bootstrapPolicy(): BootstrapPolicy {
  const plain = Object.entries(CLUSTER_ROLES).map(([name, rules]) => clusterRole(name, rules.map(parseRule)));
  const controllers = Object.entries(CONTROLLER_ROLES);
  const controllerRoles = controllers.map(([name, rules]) =>
    clusterRole(`system:controller:${name}`, rules.map(parseRule)),
  );
  return {
    clusterRoles: [...plain, ...aggregated(plain), ...controllerRoles],
    clusterRoleBindings: [
      ...Object.entries(CLUSTER_BINDINGS).map(([name, subjects]) => clusterRoleBinding(name, subjects)),
      ...controllers.map(([name]) =>
        clusterRoleBinding(`system:controller:${name}`, [`ServiceAccount kube-system/${name}`]),
      ),
    ],
    roles: Object.entries(NAMESPACED_ROLES).map(([key, rules]) => ({
      apiVersion: API_VERSION,
      kind: "Role",
      metadata: metadata(key),
      rules: rules.map(parseRule),
    })),
    roleBindings: Object.entries(NAMESPACED_BINDINGS).map(([key, { role, subjects }]) => ({
      apiVersion: API_VERSION,
      kind: "RoleBinding",
      metadata: metadata(key),
      roleRef: { apiGroup: API_GROUP, kind: "Role", name: role ?? splitKey(key).name },
      subjects: subjects.map(parseSubject),
    })),
  };
}

/** The fixed rules of kubelets, for the Node authorizer: those of the ClusterRole system:node. */
export const nodeRules = (): PolicyRule[] => CLUSTER_ROLES["system:node"]!.map(parseRule);

function metadata(key: string, labels: Record<string, string> = {}) {
  const { namespace, name } = splitKey(key);
  return {
    name,
    ...(namespace ? { namespace } : {}),
    labels: { "kubernetes.io/bootstrapping": "rbac-defaults", ...labels },
    annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
  };
}

function clusterRole(name: string, rules: PolicyRule[]): ClusterRole {
  const aggregate = PART_OF[name];
  const labels = aggregate ? { [AGGREGATE + aggregate]: "true" } : {};
  return { apiVersion: API_VERSION, kind: "ClusterRole", metadata: metadata(name, labels), rules };
}

function aggregated(plain: readonly ClusterRole[]): ClusterRole[] {
  const all = [...plain];
  for (const name of AGGREGATES) {
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { [AGGREGATE + name]: "true" } }] };
    all.push({ ...clusterRole(name, []), aggregationRule, rules: aggregatedRules(aggregationRule, all) });
  }
  return all.slice(plain.length);
}

/** The rules of all roles that an aggregated one selects, in the order of their names, each once. */
function aggregatedRules(
  { clusterRoleSelectors = [] }: NonNullable<ClusterRole["aggregationRule"]>,
  all: ClusterRole[],
) {
  const rules = new Map<string, PolicyRule>();
  for (const selector of clusterRoleSelectors.map(selectorOf)) {
    const parts = all.filter((role) => selector.matches(role.metadata?.labels));
    parts.sort((a, b) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1));
    for (const rule of parts.flatMap((role) => role.rules ?? [])) rules.set(JSON.stringify(rule), rule);
  }
  return [...rules.values()];
}

function clusterRoleBinding(name: string, subjects: readonly string[]): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRoleBinding",
    metadata: metadata(name),
    roleRef: { apiGroup: API_GROUP, kind: "ClusterRole", name },
    ...(subjects.length > 0 ? { subjects: subjects.map(parseSubject) } : {}),
  };
}

/** Reads a rule in the notation of bootstrap-roles.ts. */
export function parseRule(text: string): PolicyRule {
  const [groups = [], objects = [], verbs = [], names] = text.split(" : ").map((part) => part.split(" "));
  const expanded = verbs.flatMap((verb) => VERB_SETS[verb] ?? [verb]);
  if (groups[0] === "path") return { verbs: expanded, nonResourceURLs: objects };
  const apiGroups = groups.map((group) => (group === "core" ? "" : group));
  return { verbs: expanded, apiGroups, resources: objects, ...(names ? { resourceNames: names } : {}) };
}

function parseSubject(text: string): Subject {
  const [kind = "", key = ""] = text.split(" ");
  if (kind !== "ServiceAccount") return { kind, apiGroup: API_GROUP, name: key };
  return { kind, ...splitKey(key) };
}
