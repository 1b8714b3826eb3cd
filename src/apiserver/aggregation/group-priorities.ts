import { comparePrecedence } from "../../api/version-precedence.ts";

/** Where a group version stands in discovery: higher numbers come first. */
export interface Priority {
  readonly group: number;
  readonly version: number;
}

/** Group → its priority, and that of each version. Upstream's numbers. */
const BUILT_IN: Readonly<Record<string, readonly [group: number, versions: Readonly<Record<string, number>>]>> = {
  "": [18000, { v1: 1 }],
  apps: [17800, { v1: 15 }],
  "events.k8s.io": [17750, { v1: 15, v1beta1: 5 }],
  "authentication.k8s.io": [17700, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  "authorization.k8s.io": [17600, { v1: 15 }],
  autoscaling: [17500, { v1: 15, v2: 30 }],
  batch: [17400, { v1: 15 }],
  "certificates.k8s.io": [17300, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  "networking.k8s.io": [17200, { v1: 15, v1beta1: 9 }],
  policy: [17100, { v1: 15 }],
  "rbac.authorization.k8s.io": [17000, { v1: 15 }],
  "storage.k8s.io": [16800, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  "admissionregistration.k8s.io": [16700, { v1: 15, v1beta1: 12, v1alpha1: 9 }],
  "apiextensions.k8s.io": [16700, { v1: 15 }],
  "scheduling.k8s.io": [16600, { v1: 15, v1alpha2: 2 }],
  "coordination.k8s.io": [16500, { v1: 15, v1beta1: 13, v1alpha2: 12 }],
  "node.k8s.io": [16300, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  "discovery.k8s.io": [16200, { v1: 15, v1beta1: 12 }],
  "resource.k8s.io": [16200, { v1: 21, v1beta2: 15, v1beta1: 9, v1alpha3: 1 }],
  "flowcontrol.apiserver.k8s.io": [16100, { v1: 21, v1beta3: 18 }],
  "internal.apiserver.k8s.io": [16000, { v1alpha1: 9 }],
  "storagemigration.k8s.io": [15800, { v1beta1: 9 }],
};

/** The group of the APIServices themselves: first of all, and never handed to another server. */
export const REGISTRATION_GROUP = "apiregistration.k8s.io";

/** The priority of a built-in group version; undefined for others. */
export function builtInPriority(group: string, version: string): Priority | undefined {
  const [priority, versions] = BUILT_IN[group] ?? [];
  const ofVersion = versions?.[version];
  return priority === undefined || ofVersion === undefined ? undefined : { group: priority, version: ofVersion };
}

/** Custom resources come after all that is built in; their versions are ordered by their names. */
export const CUSTOM_PRIORITY: Priority = { group: 1000, version: 100 };

/** A group version with what decides its place. */
export interface Ranked {
  readonly group: string;
  readonly version: string;
  readonly priority: Priority;
}

export interface RankedGroup {
  readonly group: string;
  /** The best first. */
  readonly versions: readonly string[];
}

/** Groups and their versions in the order in which discovery names them. */
export function rankGroups(all: readonly Ranked[]): RankedGroup[] {
  const name = ({ group, version }: Ranked) => `${version}.${group}`;
  const own = ({ group }: Ranked) => (group === REGISTRATION_GROUP ? 0 : 1);
  const ordered = [...all].sort(
    (a, b) => own(a) - own(b) || b.priority.group - a.priority.group || (name(a) < name(b) ? -1 : 1),
  );
  const groups = new Map<string, Ranked[]>();
  for (const one of ordered) {
    const present = groups.get(one.group);
    if (present) present.push(one);
    else groups.set(one.group, [one]);
  }
  return [...groups].map(([group, members]) => ({
    group,
    versions: members
      .sort((a, b) => b.priority.version - a.priority.version || comparePrecedence(a.version, b.version))
      .map(({ version }) => version),
  }));
}
