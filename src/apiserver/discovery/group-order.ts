import type { ServedGroup } from "../../api/schema/served-resources.ts";

/**
 * Groups in the order in which discovery names them. Clients resolve a name that several groups have (`ev`) to the first
 * one, so the order is upstream's, which comes from the priorities of its APIServices.
 */
const ORDER = [
  "apiregistration.k8s.io",
  "apps",
  "events.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "scheduling.k8s.io",
  "coordination.k8s.io",
  "node.k8s.io",
  "discovery.k8s.io",
  "flowcontrol.apiserver.k8s.io",
  "resource.k8s.io",
];

/** The named groups (all but the core group), in that order; groups unknown to it last, by name. */
export function orderedGroups(groups: readonly ServedGroup[]): ServedGroup[] {
  const rank = (group: string) => {
    const index = ORDER.indexOf(group);
    return index < 0 ? ORDER.length : index;
  };
  return groups
    .filter(({ group }) => group !== "")
    .sort((a, b) => rank(a.group) - rank(b.group) || (a.group < b.group ? -1 : 1));
}
