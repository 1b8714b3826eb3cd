import { selectorOf } from "../label-selector.ts";
import type { UnknownObject } from "../object.ts";
import { Quantity } from "../quantity.ts";
import type { ResourceQuota, ScopedResourceSelectorRequirement } from "../types/core.v1.ts";
import type { Amounts } from "./amounts.ts";

/** A write, as far as quotas care. */
export interface MeasuredWrite {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly subresource?: string;
  readonly object: UnknownObject;
  readonly old?: UnknownObject;
}

/** How quotas count the objects of one resource. Pure: for admission, and for whoever sums up what is used. */
export interface QuotaEvaluator {
  /** Whether a write may change what is used. */
  handles(write: MeasuredWrite): boolean;
  /** Whether a quota on `name` is about this resource. */
  counts(name: string): boolean;
  /** What one object uses. `now` is wall time in ms. */
  usage(object: UnknownObject, now: number): Amounts;
  /** Whether an object is within a scope of a quota. */
  inScope(object: UnknownObject, scope: ScopedResourceSelectorRequirement): boolean;
  /** What an object must say and doesn't, where a quota limits `names`. */
  constraintProblem?(object: UnknownObject, names: readonly string[]): string | undefined;
}

const ONE = Quantity.of(1);

/** `count/deployments.apps`: the name under which the objects of any resource are counted. */
export const objectCountName = ({ group, resource }: { group: string; resource: string }): string =>
  group === "" ? `count/${resource}` : `count/${resource}.${group}`;

/** Names from before object counts, which still count. */
const ALIASES: Readonly<Record<string, string>> = {
  "count/configmaps": "configmaps",
  "count/resourcequotas": "resourcequotas",
  "count/replicationcontrollers": "replicationcontrollers",
  "count/secrets": "secrets",
};

/** Counts the objects of a resource that has nothing else to measure. */
export function objectCountEvaluator(type: { group: string; resource: string }): QuotaEvaluator {
  const name = objectCountName(type);
  const names = [name, ...(ALIASES[name] ? [ALIASES[name]] : [])];
  const usage: Amounts = new Map(names.map((one) => [one, ONE]));
  return {
    handles: ({ operation, subresource }) => operation === "CREATE" && !subresource,
    counts: (candidate) => names.includes(candidate),
    usage: () => usage,
    inScope: () => false,
  };
}

/** All scopes of a quota, in the longer form. */
export const scopesOf = ({ spec }: ResourceQuota): ScopedResourceSelectorRequirement[] => [
  ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" }) as ScopedResourceSelectorRequirement),
  ...(spec?.scopeSelector?.matchExpressions ?? []),
];

/** Whether a quota is about this object: it limits something of the resource, and the object is in all its scopes. */
export function quotaMatches(quota: ResourceQuota, evaluator: QuotaEvaluator, object: UnknownObject): boolean {
  return (
    Object.keys(quota.status?.hard ?? {}).some((name) => evaluator.counts(name)) &&
    scopesOf(quota).every((scope) => evaluator.inScope(object, scope))
  );
}

/** Whether a name is in a scope that selects names (priority classes). An empty name is like none. */
export function nameInScope(name: string, { scopeName, operator, values }: ScopedResourceSelectorRequirement): boolean {
  if (operator === "Exists") return name !== "";
  const selector = selectorOf({ matchExpressions: [{ key: scopeName, operator, values }] });
  return selector.matches(name === "" ? {} : { [scopeName]: name });
}
