import type { ResourceType } from "../api/object.ts";

/** Minor versions of Kubernetes 1: since when it is deprecated, and from when it is not served any more. */
type Lifecycle = readonly [deprecated: number, removed: number];

/** Whole versions of groups. */
const VERSIONS: Readonly<Record<string, Lifecycle>> = {
  "admissionregistration.k8s.io/v1alpha1": [35, 38],
  "certificates.k8s.io/v1alpha1": [34, 37],
  "coordination.k8s.io/v1alpha2": [35, 38],
  "coordination.k8s.io/v1beta1": [36, 39],
  "networking.k8s.io/v1beta1": [34, 37],
  "resource.k8s.io/v1beta1": [35, 38],
  "resource.k8s.io/v1beta2": [36, 39],
};
/** Single kinds, which go before their versions. */
const KINDS: Readonly<Record<string, string>> = {
  "/v1/ComponentStatus": "v1 ComponentStatus is deprecated in v1.19+",
  "/v1/Endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
  "resource.k8s.io/v1alpha3/DeviceTaintRule":
    "resource.k8s.io/v1alpha3 DeviceTaintRule is deprecated in v1.36+, unavailable in v1.39+",
  // It came later than the rest of its version.
  "resource.k8s.io/v1beta2/DeviceTaintRule": "",
  "storage.k8s.io/v1beta1/VolumeAttributesClass":
    "storage.k8s.io/v1beta1 VolumeAttributesClass is deprecated in v1.34+, unavailable in v1.37+; use storage.k8s.io/v1 VolumeAttributesClass",
};

/** What clients of a deprecated kind are warned of, in upstream's words; empty where there is nothing to warn of. */
export function deprecationWarning({ group, version, kind }: ResourceType): string {
  const single = KINDS[`${group}/${version}/${kind}`];
  if (single !== undefined) return single;
  const lifecycle = VERSIONS[`${group}/${version}`];
  if (!lifecycle) return "";
  const [deprecated, removed] = lifecycle;
  return `${group}/${version} ${kind} is deprecated in v1.${deprecated}+, unavailable in v1.${removed}+`;
}
