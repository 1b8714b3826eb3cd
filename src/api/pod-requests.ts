import { Quantity } from "./quantity.ts";
import { aggregateContainers } from "./resources/core/pod-resources.ts";
import type { Pod } from "./types/core.v1.ts";

/** Amounts of resources as plain numbers: CPU in millicores, everything else in whole units (bytes, counts). */
export type ResourceAmounts = Record<string, number>;

/** One resource's amount as a number of `ResourceAmounts`. */
export function resourceAmount(name: string, quantity: Quantity): number {
  return name === "cpu" ? quantity.milliValue() : quantity.value();
}

/** A resource list as numbers. */
export function resourceAmounts(list: Record<string, string> | undefined): ResourceAmounts {
  const amounts: ResourceAmounts = {};
  for (const name in list) amounts[name] = resourceAmount(name, Quantity.parse(list[name]!));
  return amounts;
}

/** What a pod asks a node for: its containers together (KEP-753), or the pod's own figures (KEP-2837), and the overhead. */
export function podRequests(pod: Pod): ResourceAmounts {
  const amounts: ResourceAmounts = {};
  if (!pod.spec) return amounts;
  for (const [name, quantity] of aggregateContainers(pod.spec, "requests"))
    amounts[name] = resourceAmount(name, quantity);
  Object.assign(amounts, resourceAmounts(pod.spec.resources?.requests));
  for (const [name, amount] of Object.entries(resourceAmounts(pod.spec.overhead)))
    amounts[name] = (amounts[name] ?? 0) + amount;
  return amounts;
}
