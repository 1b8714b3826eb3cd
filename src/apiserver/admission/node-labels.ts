/** The prefix of a label's key, before the slash. */
const prefixOf = (key: string) => (key.includes("/") ? key.slice(0, key.indexOf("/")) : "");
const within = (prefix: string, domain: string) => prefix === domain || prefix.endsWith(`.${domain}`);

/** Labels of kubernetes.io and k8s.io that a kubelet sets on its own node. */
const KUBELET_LABELS = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
]);
const KUBELET_DOMAINS = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/** Whether a kubelet may not set, change or remove the label on its node: it could draw privileged pods to itself. */
export function isForbiddenForKubelets(key: string): boolean {
  const prefix = prefixOf(key);
  if (within(prefix, "node-restriction.kubernetes.io")) return true;
  if (!within(prefix, "kubernetes.io") && !within(prefix, "k8s.io")) return false;
  return !KUBELET_LABELS.has(key) && !KUBELET_DOMAINS.some((domain) => within(prefix, domain));
}

/** The keys of labels that differ. */
export function changedLabels(
  after: Readonly<Record<string, string>> = {},
  before: Readonly<Record<string, string>> = {},
): string[] {
  const keys = new Set([...Object.keys(after), ...Object.keys(before)]);
  return [...keys].filter((key) => after[key] !== before[key]).sort();
}
