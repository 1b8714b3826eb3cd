/** Where upstream keeps objects in etcd, so that a store can be read by either. */

/** Resources whose directory is not their name. */
const SPECIAL: Readonly<Record<string, string>> = {
  "/replicationcontrollers": "controllers",
  "/endpoints": "services/endpoints",
  "/services": "services/specs",
  "/nodes": "minions",
  "networking.k8s.io/ingresses": "ingress",
};
/** Groups served by other components upstream, which put the group in front. */
const GROUP_FIRST = new Set(["apiextensions.k8s.io", "apiregistration.k8s.io"]);

/** `/registry/pods/`: the prefix of a built-in resource's keys. */
export function storagePrefix(group: string, resource: string): string {
  if (GROUP_FIRST.has(group)) return `/registry/${group}/${resource}/`;
  return `/registry/${SPECIAL[`${group}/${resource}`] ?? resource}/`;
}
