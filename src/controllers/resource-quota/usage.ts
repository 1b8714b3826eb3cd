import type { UnknownObject } from "../../api/object.ts";
import { Quantity } from "../../api/quantity.ts";
import { type Amounts, addAmounts, filterAmounts, sameAmounts } from "../../api/quota/amounts.ts";
import { type QuotaEvaluator, scopesOf } from "../../api/quota/evaluator.ts";
import { quotaEvaluator } from "../../api/quota/evaluators.ts";
import type { ResourceQuota } from "../../api/types/core.v1.ts";

/** A resource, as quotas name it. */
export interface CountedResource {
  readonly group: string;
  readonly resource: string;
}

/** Those that quotas measure by more than their number. */
const MEASURED: readonly CountedResource[] = ["pods", "services", "persistentvolumeclaims"].map((resource) => ({
  group: "",
  resource,
}));
/** Names from before object counts. */
const BARE = ["configmaps", "resourcequotas", "replicationcontrollers", "secrets"];

/** The resource that a limit is about; undefined where there is none of the kind. */
export function resourceOfLimit(name: string): CountedResource | undefined {
  const measured = MEASURED.find((one) => quotaEvaluator(one)?.counts(name));
  if (measured) return measured;
  if (BARE.includes(name)) return { group: "", resource: name };
  const match = /^count\/([^.]+)(?:\.(.+))?$/.exec(name);
  if (!match) return undefined;
  const counted = { group: match[2] ?? "", resource: match[1]! };
  return quotaEvaluator(counted) ? counted : undefined;
}

export const keyOf = ({ group, resource }: CountedResource): string => `${resource}.${group}`;

/** The resources that a quota's limits are about, each once. */
export function resourcesOf(quota: ResourceQuota): CountedResource[] {
  const found = new Map<string, CountedResource>();
  for (const name of Object.keys(quota.spec?.hard ?? {})) {
    const counted = resourceOfLimit(name);
    if (counted) found.set(keyOf(counted), counted);
  }
  return [...found.values()];
}

/** Whether an object counts differently for a quota than it did before. */
export function countsDifferently(
  quota: ResourceQuota,
  counted: CountedResource,
  before: UnknownObject,
  after: UnknownObject,
  now: number,
): boolean {
  const evaluator = quotaEvaluator(counted)!;
  const isMeant = (object: UnknownObject) => scopesOf(quota).every((scope) => evaluator.inScope(object, scope));
  const was = isMeant(before);
  if (was !== isMeant(after)) return true;
  return was && !sameAmounts(evaluator.usage(before, now), evaluator.usage(after, now));
}

/** What the objects of the quota's namespace use of what it limits. Limits that nothing counts are left out. */
export function usageOf(
  quota: ResourceQuota,
  objectsOf: (resource: CountedResource) => readonly UnknownObject[],
  now: number,
): Amounts {
  const limits = Object.keys(quota.spec?.hard ?? {});
  const scopes = scopesOf(quota);
  let used: Amounts = new Map();
  for (const counted of resourcesOf(quota)) {
    const evaluator: QuotaEvaluator = quotaEvaluator(counted)!;
    const names = limits.filter((name) => evaluator.counts(name));
    let sum: Amounts = new Map(names.map((name) => [name, Quantity.zero]));
    for (const object of objectsOf(counted)) {
      if (!scopes.every((scope) => evaluator.inScope(object, scope))) continue;
      sum = addAmounts(sum, evaluator.usage(object, now));
    }
    used = addAmounts(
      used,
      filterAmounts(sum, (name) => names.includes(name)),
    );
  }
  return used;
}
