import { jsonEqual } from "../api/json-equal.ts";
import { selectorOf } from "../api/label-selector.ts";
import { clusterRoles } from "../api/resource-types.ts";
import type { ClusterRole, PolicyRule } from "../api/types/rbac.v1.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";

/** Fills ClusterRoles that have an aggregation rule with the rules of those that it selects. */
export const clusterRoleAggregationController: ControllerDefinition = {
  name: "clusterrole-aggregation-controller",
  alias: "clusterrole-aggregation",
  create,
};

/** All roles' rules, by the names of the roles, each rule once. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const rules: PolicyRule[] = [];
  const byName = [...all].sort((a, b) => ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1));
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const { matches } = selectorOf(selector);
    for (const other of byName) {
      if (other.metadata?.name === role.metadata?.name || !matches(other.metadata?.labels)) continue;
      for (const rule of other.rules ?? []) if (!rules.some((one) => jsonEqual(one, rule))) rules.push(rule);
    }
  }
  return rules;
}

function create(context: ControllerContext) {
  const resource = context.client.resource(clusterRoles);
  const informer = context.informers.informer(clusterRoles);
  const controller = keyedController(context, {
    name: "clusterrole-aggregation-controller",
    workers: context.settings.concurrentSyncs,
    reconcile,
  });
  // Roles change rarely and few of them aggregate, so each change asks all of these.
  const enqueue = () => {
    for (const role of informer.list()) if (role.aggregationRule) controller.queue.add(role.metadata?.name ?? "");
  };
  informer.on({ add: enqueue, update: enqueue, delete: enqueue });

  async function reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const role = informer.get(name);
    if (!role?.aggregationRule) return undefined;
    const rules = aggregatedRules(role, informer.list());
    if (!jsonEqual(role.rules ?? [], rules)) await resource.update({ ...role, rules }, { signal });
    return undefined;
  }
  return controller;
}
