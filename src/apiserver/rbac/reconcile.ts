import { semanticEqual } from "../../api/json-equal.ts";
import type { KubeObject, ResourceType } from "../../api/object.ts";
import { objectKey } from "../../api/object.ts";
import { clusterRoleBindings, clusterRoles, namespaces, roleBindings, roles } from "../../api/resource-types.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../api/status-error.ts";
import type { ClusterRole, ClusterRoleBinding, Subject } from "../../api/types/rbac.v1.ts";
import type { Client, ResourceClient } from "../../client/client.ts";
import type { BootstrapPolicy } from "./bootstrap-policy.ts";
import { missingRules } from "./coverage.ts";

const AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate";
/** How often a write that another one got ahead of is tried again. */
const ATTEMPTS = 3;

/** What is to be done so that an object has at least what the policy gives it. */
export type Plan<T> = { action: "none" } | { action: "create" | "update" | "replace"; object: T };

/**
 * Puts the bootstrap policy in place: what is missing is created; what is there gets the permissions, subjects, labels
 * and annotations it lacks, and keeps what was added. An object annotated `autoupdate: "false"` is left alone. `client`
 * must be a superuser's. Run it at each start, so that a new version brings its new permissions.
 */
export async function reconcileBootstrapPolicy(client: Client, policy: BootstrapPolicy): Promise<void> {
  await Promise.all([
    ensureAll(client, clusterRoles, policy.clusterRoles, planRole),
    ensureAll(client, clusterRoleBindings, policy.clusterRoleBindings, planBinding),
    ensureAll(client, roles, policy.roles, planRole),
    ensureAll(client, roleBindings, policy.roleBindings, planBinding),
  ]);
}

async function ensureAll<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: readonly T[],
  plan: (existing: T | undefined, wanted: T) => Plan<T>,
): Promise<void> {
  const resource = client.resource(type);
  const { items } = await resource.list();
  const existing = new Map(items.map((object) => [objectKey(object), object]));
  await Promise.all(
    wanted.map(async (object) => {
      let current = existing.get(objectKey(object));
      for (let attempt = 1; ; attempt++) {
        try {
          return await carryOut(client, resource, plan(current, object));
        } catch (error) {
          const outrun = isAlreadyExists(error) || isConflict(error) || isNotFound(error);
          if (!outrun || attempt === ATTEMPTS) throw error;
          const { name = "", namespace } = object.metadata ?? {};
          current = await resource.get(name, namespace).catch((reason: unknown) => {
            if (isNotFound(reason)) return undefined;
            throw reason;
          });
        }
      }
    }),
  );
}

async function carryOut<T extends KubeObject>(client: Client, resource: ResourceClient<T>, plan: Plan<T>) {
  if (plan.action === "none") return;
  const { name = "", namespace } = plan.object.metadata ?? {};
  if (plan.action === "update") {
    await resource.update(plan.object);
    return;
  }
  if (plan.action === "replace") await resource.delete(name, namespace);
  try {
    await resource.create(plan.object);
  } catch (error) {
    if (!isNotFound(error) || !namespace) throw error;
    await client
      .resource(namespaces)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } })
      .catch((reason: unknown) => {
        if (!isAlreadyExists(reason)) throw reason;
      });
    await resource.create(plan.object);
  }
}

/** What to do about a role. The rules of an aggregated role are its controller's business, once it has any. */
export function planRole<T extends ClusterRole>(existing: T | undefined, wanted: T): Plan<T> {
  if (!existing) return { action: "create", object: wanted };
  if (isProtected(existing)) return { action: "none" };
  const next = merged(existing, wanted);
  const rules = existing.rules ?? [];
  // Comparing first is much quicker, and nearly always all there is to do.
  const complete = wanted.aggregationRule ? rules.length > 0 : semanticEqual(rules, wanted.rules);
  const missing = complete ? [] : missingRules(rules, wanted.rules ?? []);
  if (missing.length > 0) next.rules = [...rules, ...missing];
  const selectors = existing.aggregationRule?.clusterRoleSelectors ?? [];
  const more = (wanted.aggregationRule?.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((known) => semanticEqual(known, selector)),
  );
  if (more.length > 0) next.aggregationRule = { clusterRoleSelectors: [...selectors, ...more] };
  if (!wanted.aggregationRule) delete next.aggregationRule;
  return semanticEqual(next, existing) ? { action: "none" } : { action: "update", object: next };
}

/** What to do about a binding. The role of a binding can't be changed: then it is made anew. */
export function planBinding<T extends ClusterRoleBinding>(existing: T | undefined, wanted: T): Plan<T> {
  if (!existing) return { action: "create", object: wanted };
  if (isProtected(existing)) return { action: "none" };
  if (!semanticEqual(existing.roleRef, wanted.roleRef)) return { action: "replace", object: wanted };
  const next = merged(existing, wanted);
  const subjects = existing.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((one) => !subjects.some((known) => sameSubject(known, one)));
  if (missing.length > 0) next.subjects = [...subjects, ...missing];
  return semanticEqual(next, existing) ? { action: "none" } : { action: "update", object: next };
}

const isProtected = ({ metadata }: KubeObject) => metadata?.annotations?.[AUTO_UPDATE] === "false";

const sameSubject = (a: Subject, b: Subject) =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? "") === (b.namespace ?? "");

/** A copy of `existing` with the labels and annotations that it lacks. */
function merged<T extends KubeObject>(existing: T, wanted: T): T {
  const labels = { ...wanted.metadata?.labels, ...existing.metadata?.labels };
  const annotations = { ...wanted.metadata?.annotations, ...existing.metadata?.annotations };
  return { ...existing, metadata: { ...existing.metadata, labels, annotations } };
}
