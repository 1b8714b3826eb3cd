/**
 * Fields of features that are off by default in Kubernetes 1.36. Such a field is left out of what is written, unless the
 * stored object has it already: what was written while the feature was on stays.
 */
import type { UnknownObject } from "../object.ts";

interface GatedField {
  readonly gate: string;
  /** `resource.group` (no dot for the core group), or "templates" for everything with a pod in it. */
  readonly of: string;
  /** From the object, or from the pod's spec; `[]` goes into lists, `{}` into maps, `|` separates names. */
  readonly path: string;
  /** A container of the field that goes with it, when nothing else is left in it. */
  readonly emptied?: true;
}

const CONTAINERS = "initContainers|containers|ephemeralContainers[]";
const STATUSES = "status.initContainerStatuses|containerStatuses|ephemeralContainerStatuses[]";

const FIELDS: readonly GatedField[] = [
  { gate: "ContainerStopSignals", of: "templates", path: `${CONTAINERS}.lifecycle.stopSignal`, emptied: true },
  {
    gate: "ClusterTrustBundleProjection",
    of: "templates",
    path: "volumes[].projected.sources[].clusterTrustBundle",
  },
  { gate: "PodCertificateRequest", of: "templates", path: "volumes[].projected.sources[].podCertificate" },
  { gate: "GenericWorkload", of: "templates", path: "schedulingGroup" },
  { gate: "DRANodeAllocatableResources", of: "pods", path: "status.nodeAllocatableResourceClaimStatuses" },
  { gate: "ImageVolumeWithDigest", of: "pods", path: `${STATUSES}.volumeMounts[].volumeStatus` },
  {
    gate: "MaxUnavailableStatefulSet",
    of: "statefulsets.apps",
    path: "spec.updateStrategy.rollingUpdate.maxUnavailable",
  },
  { gate: "CoordinatedLeaderElection", of: "leases.coordination.k8s.io", path: "spec.strategy" },
  { gate: "CoordinatedLeaderElection", of: "leases.coordination.k8s.io", path: "spec.preferredHolder" },
  { gate: "VolumeLimitScaling", of: "csidrivers.storage.k8s.io", path: "spec.preventPodSchedulingIfMissing" },
  {
    gate: "DRANodeAllocatableResources",
    of: "resourceslices.resource.k8s.io",
    path: "spec.devices[].nodeAllocatableResourceMappings",
  },
  {
    gate: "DRAListTypeAttributes",
    of: "resourceslices.resource.k8s.io",
    path: "spec.devices[].attributes{}.bools|ints|strings|versions",
  },
  ...["spec", "spec.podGroupTemplates[]"].flatMap((at): GatedField[] => {
    const of = at === "spec" ? "podgroups.scheduling.k8s.io" : "workloads.scheduling.k8s.io";
    return [
      { gate: "TopologyAwareWorkloadScheduling", of, path: `${at}.schedulingConstraints` },
      { gate: "DRAWorkloadResourceClaims", of, path: `${at}.resourceClaims` },
      { gate: "WorkloadAwarePreemption", of, path: `${at}.disruptionMode` },
      { gate: "WorkloadAwarePreemption", of, path: `${at}.priorityClassName` },
      { gate: "WorkloadAwarePreemption", of, path: `${at}.priority` },
    ];
  }),
  { gate: "DRAWorkloadResourceClaims", of: "podgroups.scheduling.k8s.io", path: "status.resourceClaimStatuses" },
];

/** Where a kind has a pod's spec. */
const POD_SPECS: Readonly<Record<string, string>> = {
  pods: "spec",
  podtemplates: "template.spec",
  replicationcontrollers: "spec.template.spec",
  "replicasets.apps": "spec.template.spec",
  "deployments.apps": "spec.template.spec",
  "statefulsets.apps": "spec.template.spec",
  "daemonsets.apps": "spec.template.spec",
  "jobs.batch": "spec.template.spec",
  "cronjobs.batch": "spec.jobTemplate.spec.template.spec",
};

interface Place {
  readonly gate: string;
  readonly steps: readonly string[];
  readonly emptied: boolean;
}

const places = new Map<string, readonly Place[]>();

function placesOf(type: { group: string; resource: string }): readonly Place[] {
  const key = type.group === "" ? type.resource : `${type.resource}.${type.group}`;
  let known = places.get(key);
  if (!known) {
    known = FIELDS.flatMap(({ gate, of, path, emptied = false }) => {
      const podSpec = of === "templates" ? POD_SPECS[key] : undefined;
      if (of !== key && podSpec === undefined) return [];
      return [{ gate, emptied, steps: (podSpec === undefined ? path : `${podSpec}.${path}`).split(".") }];
    });
    places.set(key, known);
  }
  return known;
}

/** Takes the fields of features that are off out of `object`, a private copy; `old` is what is stored, if anything. */
export function dropDisabledFields(
  type: { group: string; resource: string },
  object: UnknownObject,
  old: UnknownObject | undefined,
  enabled: (gate: string) => boolean,
): void {
  for (const { gate, steps, emptied } of placesOf(type)) {
    if (enabled(gate) || !visit(object, steps, () => true)) continue;
    if (old && visit(old, steps, () => true)) continue;
    visit(object, steps, (holder, name) => {
      delete holder[name];
      return false;
    });
    if (emptied) dropEmpty(object, steps.slice(0, -1));
  }
}

type Holder = Record<string, unknown>;

/** Calls `found` for each holder of the field until it returns true; returns whether it did. */
function visit(value: unknown, steps: readonly string[], found: (holder: Holder, name: string) => boolean): boolean {
  if (typeof value !== "object" || value === null) return false;
  const [step, ...rest] = steps as [string, ...string[]];
  const container = /(\[\]|\{\})$/.exec(step)?.[0] ?? "";
  for (const name of step.slice(0, step.length - container.length).split("|")) {
    const next = (value as Holder)[name];
    if (next === undefined || next === null) continue;
    if (rest.length === 0) {
      if (found(value as Holder, name)) return true;
      continue;
    }
    const inner = container === "" ? [next] : Object.values(next);
    for (const each of inner) if (visit(each, rest, found)) return true;
  }
  return false;
}

function dropEmpty(object: UnknownObject, steps: readonly string[]): void {
  visit(object, steps, (holder, name) => {
    if (Object.keys(holder[name] as object).length === 0) delete holder[name];
    return false;
  });
}
