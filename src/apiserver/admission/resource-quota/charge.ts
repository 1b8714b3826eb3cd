import {
  type Amounts,
  addAmounts,
  filterAmounts,
  formatAmounts,
  increase,
  parseAmounts,
  printAmounts,
} from "../../../api/quota/amounts.ts";
import { type QuotaEvaluator, quotaMatches, scopesOf } from "../../../api/quota/evaluator.ts";
import type { ResourceQuota } from "../../../api/types/core.v1.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { refusal } from "../refusal.ts";
import type { LimitedResource } from "./configuration.ts";

/**
 * The quotas of a namespace as they are when the write is charged to them; those that it doesn't concern are the same
 * objects as before. Throws a 403 where one of them doesn't suffice.
 */
export function charge(
  quotas: readonly ResourceQuota[],
  attributes: AdmissionAttributes,
  evaluator: QuotaEvaluator,
  now: number,
  limited: readonly LimitedResource[] = [],
): ResourceQuota[] {
  const object = attributes.object!;
  const old = attributes.operation === "UPDATE" ? attributes.oldObject : undefined;
  const concerned = quotas.map((quota) => quotaMatches(quota, evaluator, object));
  for (const [index, quota] of quotas.entries()) if (concerned[index]) checkQuota(quota, attributes, evaluator);
  if (!concerned.includes(true) && limited.length === 0) return [...quotas];

  const usage = evaluator.usage(object, now);
  const negative = [...filterAmounts(usage, (_, amount) => amount.sign < 0).keys()];
  if (negative.length > 0) {
    throw refusal(attributes, `quota usage is negative for resource(s): ${negative.sort().join(",")}`);
  }
  const added = old ? increase(usage, evaluator.usage(old, now)) : usage;
  const covering = quotas.filter((_, index) => concerned[index]);
  if (limited.length > 0) checkCovered(covering, limited, added, attributes, evaluator);
  return quotas.map((quota, index) => {
    if (!concerned[index]) return quota;
    // An update that brings an object into a quota's scope costs it all that the object uses.
    const delta = old && quotaMatches(quota, evaluator, old) ? added : usage;
    return chargeOne(quota, delta, attributes);
  });
}

/** Refuses what doesn't say what the quota needs to know, and what can't be charged as nothing was counted yet. */
function checkQuota(quota: ResourceQuota, attributes: AdmissionAttributes, evaluator: QuotaEvaluator): void {
  const names = Object.keys(quota.status?.hard ?? {}).filter((name) => evaluator.counts(name));
  const problem = evaluator.constraintProblem?.(attributes.object!, names);
  if (problem) throw refusal(attributes, `failed quota: ${quota.metadata?.name}: ${problem}`);
  if (names.every((name) => quota.status?.used?.[name] !== undefined)) return;
  const list = names.sort().join(",");
  throw refusal(attributes, `status unknown for quota: ${quota.metadata?.name}, resources: ${list}`);
}

/** Refuses to consume what is limited by configuration, where no quota covers it. */
function checkCovered(
  quotas: readonly ResourceQuota[],
  limited: readonly LimitedResource[],
  added: Amounts,
  attributes: AdmissionAttributes,
  evaluator: QuotaEvaluator,
): void {
  const patterns = limited.flatMap(({ matchContains = [] }) => matchContains);
  const names = filterAmounts(added, (name, amount) => amount.sign > 0 && patterns.some((part) => name.includes(part)));
  const covered = new Set(quotas.flatMap(({ status }) => Object.keys(status?.hard ?? {})));
  const uncovered = [...names.keys()].filter((name) => !covered.has(name)).sort();
  if (uncovered.length > 0) throw refusal(attributes, `insufficient quota to consume: ${uncovered.join(",")}`);
  const wanted = limited
    .flatMap(({ matchScopes = [] }) => matchScopes)
    .filter((scope) => evaluator.inScope(attributes.object!, scope));
  const missing = wanted.filter(
    (scope) => !quotas.some((quota) => scopesOf(quota).some(({ scopeName }) => scopeName === scope.scopeName)),
  );
  if (missing.length === 0) return;
  const list = missing.map(
    ({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(" ")}]}`,
  );
  throw refusal(attributes, `insufficient quota to match these scopes: [${list.join(" ")}]`);
}

function chargeOne(quota: ResourceQuota, delta: Amounts, attributes: AdmissionAttributes): ResourceQuota {
  const hard = parseAmounts(quota.status?.hard);
  const requested = filterAmounts(delta, (name, amount) => hard.has(name) && !amount.isZero);
  if (requested.size === 0) return quota;
  const used = parseAmounts(quota.status?.used);
  const total = addAmounts(used, requested);
  const exceeded = filterAmounts(requested, (name) => total.get(name)!.compare(hard.get(name)!) > 0);
  // A status tells what is already so: it is counted, not refused.
  if (exceeded.size > 0 && attributes.subresource !== "status") {
    const of = (amounts: Amounts) => printAmounts(filterAmounts(amounts, (name) => exceeded.has(name)));
    throw refusal(
      attributes,
      `exceeded quota: ${quota.metadata?.name}, requested: ${of(requested)}, used: ${of(used)}, limited: ${of(hard)}`,
    );
  }
  return { ...quota, status: { ...quota.status, used: formatAmounts(total) } };
}
