import { Quantity } from "../quantity.ts";
import type { PersistentVolumeClaim, Service } from "../types/core.v1.ts";
import { nameInScope, objectCountEvaluator, objectCountName, type QuotaEvaluator } from "./evaluator.ts";
import { podEvaluator } from "./pod-evaluator.ts";

/** Resources that quotas never count, as `resource.group`. */
const IGNORED = new Set([
  "bindings.",
  "componentstatuses.",
  "events.",
  "events.events.k8s.io",
  "tokenreviews.authentication.k8s.io",
  "selfsubjectreviews.authentication.k8s.io",
  "subjectaccessreviews.authorization.k8s.io",
  "selfsubjectaccessreviews.authorization.k8s.io",
  "localsubjectaccessreviews.authorization.k8s.io",
  "selfsubjectrulesreviews.authorization.k8s.io",
]);

/** How quotas count a resource; undefined where they don't. */
export function quotaEvaluator(type: { group: string; resource: string }): QuotaEvaluator | undefined {
  const key = `${type.resource}.${type.group}`;
  if (IGNORED.has(key)) return undefined;
  let evaluator = evaluators.get(key);
  if (!evaluator) {
    evaluator = objectCountEvaluator(type);
    evaluators.set(key, evaluator);
  }
  return evaluator;
}

const SERVICES = objectCountName({ group: "", resource: "services" });
const SERVICE_NAMES = [SERVICES, "services", "services.nodeports", "services.loadbalancers"];

const serviceEvaluator: QuotaEvaluator = {
  handles: ({ operation, subresource }) => !subresource && (operation === "CREATE" || operation === "UPDATE"),
  counts: (name) => SERVICE_NAMES.includes(name),
  usage(object) {
    const { spec }: Service = object;
    const ports = spec?.ports ?? [];
    const balanced = spec?.type === "LoadBalancer";
    const allocating = spec?.type === "NodePort" || (balanced && spec.allocateLoadBalancerNodePorts !== false);
    // Node ports may not be there yet: what counts is that they will be.
    const nodePorts = allocating ? ports.length : balanced ? ports.filter(({ nodePort }) => nodePort).length : 0;
    return new Map([
      [SERVICES, Quantity.of(1)],
      ["services", Quantity.of(1)],
      ["services.nodeports", Quantity.of(nodePorts)],
      ["services.loadbalancers", Quantity.of(balanced ? 1 : 0)],
    ]);
  },
  inScope: () => false,
};

const CLAIMS = objectCountName({ group: "", resource: "persistentvolumeclaims" });
const CLAIM_NAMES = ["persistentvolumeclaims", "requests.storage"];
const BY_CLASS = ".storageclass.storage.k8s.io/";

const claimEvaluator: QuotaEvaluator = {
  handles({ operation, subresource, object, old }) {
    if (!subresource) return operation === "CREATE" || operation === "UPDATE";
    if (subresource !== "status" || !old) return false;
    const [after, before]: [PersistentVolumeClaim, PersistentVolumeClaim] = [object, old];
    return (
      after.status?.allocatedResources?.storage !== before.status?.allocatedResources?.storage ||
      attributesClasses(after).join() !== attributesClasses(before).join()
    );
  },
  counts: (name) =>
    name === CLAIMS || CLAIM_NAMES.includes(name) || CLAIM_NAMES.some((one) => name.endsWith(BY_CLASS + one)),
  usage(object) {
    const claim: PersistentVolumeClaim = object;
    const usage = new Map([
      ["persistentvolumeclaims", Quantity.of(1)],
      [CLAIMS, Quantity.of(1)],
    ]);
    const storage = storageOf(claim);
    if (storage) usage.set("requests.storage", storage);
    const storageClass =
      claim.metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? claim.spec?.storageClassName;
    if (!storageClass) return usage;
    usage.set(`${storageClass}${BY_CLASS}persistentvolumeclaims`, Quantity.of(1));
    if (storage) usage.set(`${storageClass}${BY_CLASS}requests.storage`, storage);
    return usage;
  },
  inScope(object, scope) {
    if (scope.scopeName !== "VolumeAttributesClass") return false;
    const names = attributesClasses(object);
    return names.length === 0 ? nameInScope("", scope) : names.some((name) => nameInScope(name, scope));
  },
};

/** Whole bytes requested, or allocated already where that is more: an expansion that failed halfway. */
function storageOf({ spec, status }: PersistentVolumeClaim): Quantity | undefined {
  const requested = spec?.resources?.requests?.storage;
  if (requested === undefined) return undefined;
  const allocated = Quantity.parse(status?.allocatedResources?.storage ?? "0");
  const wanted = Quantity.parse(requested);
  const most = allocated.compare(wanted) > 0 ? allocated : wanted;
  return Quantity.of(most.valueBigInt(), most.format);
}

function attributesClasses({ spec, status }: PersistentVolumeClaim): string[] {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.filter((name): name is string => Boolean(name)))].sort();
}

const evaluators = new Map<string, QuotaEvaluator>([
  ["pods.", podEvaluator],
  ["services.", serviceEvaluator],
  ["persistentvolumeclaims.", claimEvaluator],
]);
