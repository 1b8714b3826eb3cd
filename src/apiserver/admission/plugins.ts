import type { ResourceQuota } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import type { Client, ResourceClient } from "../../client/client.ts";
import type { Authorizer } from "../authorization.ts";
import type { Lookup } from "../lookup.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import type { WebhookCaller } from "../webhook/webhook-client.ts";
import type { AdmissionPlugin } from "./admission.ts";
import type { AdmissionConfiguration } from "./admission-configuration.ts";
import { alwaysAdmit, alwaysDeny } from "./always.ts";
import { alwaysPullImages } from "./always-pull-images.ts";
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from "./certificates.ts";
import { defaultIngressClass, defaultStorageClass } from "./default-class.ts";
import { type DefaultTolerationOptions, defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { eventRateLimit } from "./event-rate-limit.ts";
import { extendedResourceToleration } from "./extended-resource-toleration.ts";
import { limitPodHardAntiAffinityTopology } from "./hard-anti-affinity.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceAutoProvision, namespaceExists } from "./namespace-existence.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { podNodeSelector, podTolerationRestriction } from "./namespace-placement.ts";
import { nodeDeclaredFeatureValidator } from "./node-declared-features.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { ownerReferencesPermissionEnforcement } from "./owner-references.ts";
import { podGroupWorkloadExists } from "./pod-group-workload.ts";
import { podResizeValidator } from "./pod-resize-validator.ts";
import { podSecurity } from "./pod-security/pod-security.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import { mutatingAdmissionPolicy } from "./policy/mutating.ts";
import { validatingAdmissionPolicy } from "./policy/validating.ts";
import { priority } from "./priority.ts";
import { resourceQuota } from "./resource-quota/resource-quota.ts";
import { runtimeClass } from "./runtime-class.ts";
import { serviceAccount } from "./service-account.ts";
import { denyServiceExternalIps } from "./service-external-ips.ts";
import { persistentVolumeClaimResize, storageObjectInUseProtection } from "./storage-protection.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";
import { clusterTrustBundleAttest } from "./trust-bundles.ts";
import { mutatingAdmissionWebhook } from "./webhook/mutating.ts";
import { validatingAdmissionWebhook } from "./webhook/validating.ts";

/** What the plugins need from the server. */
export interface PluginServices {
  readonly lookup: Lookup;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  /** Writes the status of quotas, as a superuser; asked for on the first use. */
  readonly quotas: () => Pick<ResourceClient<ResourceQuota>, "updateStatus">;
  /** Upstream's --default-not-ready-toleration-seconds and --default-unreachable-toleration-seconds. */
  readonly tolerations?: DefaultTolerationOptions;
  /** Writes as the server itself; asked for on the first use. */
  readonly client: () => Client;
  readonly catalogue: ResourceCatalogue;
  readonly webhooks: WebhookCaller;
  readonly metrics: MetricsRegistry;
  readonly configuration?: AdmissionConfiguration;
}

/** Upstream's --enable-admission-plugins and --disable-admission-plugins. */
export interface PluginChoice {
  readonly enable?: readonly string[];
  readonly disable?: readonly string[];
}

interface Row {
  readonly name: string;
  /** Whether it runs unless it is disabled. */
  readonly on: boolean;
  /** Absent where Knarr doesn't have the plugin. */
  readonly make?: (services: PluginServices) => AdmissionPlugin;
}

/** All of upstream's plugins in the order in which they run. */
const PLUGINS: readonly Row[] = [
  { name: "AlwaysAdmit", on: false, make: () => alwaysAdmit },
  { name: "NamespaceAutoProvision", on: false, make: namespaceAutoProvision },
  { name: "NamespaceLifecycle", on: true, make: namespaceLifecycle },
  { name: "NamespaceExists", on: false, make: namespaceExists },
  { name: "LimitPodHardAntiAffinityTopology", on: false, make: () => limitPodHardAntiAffinityTopology },
  { name: "LimitRanger", on: true, make: limitRanger },
  { name: "ServiceAccount", on: true, make: serviceAccount },
  { name: "NodeRestriction", on: false, make: nodeRestriction },
  { name: "TaintNodesByCondition", on: true, make: () => taintNodesByCondition },
  { name: "AlwaysPullImages", on: false, make: () => alwaysPullImages },
  { name: "ImagePolicyWebhook", on: false },
  { name: "PodSecurity", on: true, make: podSecurity },
  { name: "PodNodeSelector", on: false, make: podNodeSelector },
  { name: "Priority", on: true, make: priority },
  { name: "DefaultTolerationSeconds", on: true, make: ({ tolerations }) => defaultTolerationSeconds(tolerations) },
  { name: "PodTolerationRestriction", on: false, make: podTolerationRestriction },
  { name: "EventRateLimit", on: false, make: eventRateLimit },
  { name: "ExtendedResourceToleration", on: false, make: () => extendedResourceToleration },
  { name: "DefaultStorageClass", on: true, make: defaultStorageClass },
  { name: "StorageObjectInUseProtection", on: true, make: () => storageObjectInUseProtection },
  { name: "PodGroupProtection", on: true },
  { name: "OwnerReferencesPermissionEnforcement", on: false, make: ownerReferencesPermissionEnforcement },
  { name: "PersistentVolumeClaimResize", on: true, make: persistentVolumeClaimResize },
  { name: "RuntimeClass", on: true, make: runtimeClass },
  { name: "CertificateApproval", on: true, make: certificateApproval },
  { name: "CertificateSigning", on: true, make: certificateSigning },
  { name: "ClusterTrustBundleAttest", on: true, make: clusterTrustBundleAttest },
  { name: "CertificateSubjectRestriction", on: true, make: () => certificateSubjectRestriction },
  { name: "DefaultIngressClass", on: true, make: defaultIngressClass },
  { name: "DenyServiceExternalIPs", on: false, make: () => denyServiceExternalIps },
  { name: "PodTopologyLabels", on: true, make: podTopologyLabels },
  { name: "PodGroupWorkloadExists", on: true, make: podGroupWorkloadExists },
  { name: "NodeDeclaredFeatureValidator", on: true, make: nodeDeclaredFeatureValidator },
  { name: "JobValidation", on: true },
  { name: "PodResizeValidator", on: true, make: podResizeValidator },
  { name: "MutatingAdmissionPolicy", on: true, make: mutatingAdmissionPolicy },
  { name: "MutatingAdmissionWebhook", on: true, make: mutatingAdmissionWebhook },
  { name: "ValidatingAdmissionPolicy", on: true, make: validatingAdmissionPolicy },
  { name: "ValidatingAdmissionWebhook", on: true, make: validatingAdmissionWebhook },
  { name: "ResourceQuota", on: true, make: resourceQuota },
  { name: "AlwaysDeny", on: false, make: () => alwaysDeny },
];

/**
 * The plugins that upstream runs by default and Knarr doesn't have. They belong to alpha features (GenericWorkload,
 * WorkloadWithJob), and have no effect upstream, either, as long as those are off.
 */
export const missingPlugins: readonly string[] = PLUGINS.filter(({ on, make }) => on && !make).map(({ name }) => name);

/**
 * The plugins to run, in upstream's order: those that are on by default, with those of `enable` and without those of
 * `disable`. Throws where a name is unknown, enabled and disabled at once, or enabled and not there.
 */
export function admissionPlugins(services: PluginServices, choice: PluginChoice = {}): AdmissionPlugin[] {
  const { enable = [], disable = [] } = choice;
  const known = new Map(PLUGINS.map((row) => [row.name, row]));
  for (const name of enable) {
    if (!known.has(name)) throw new Error(`enable-admission-plugins plugin ${JSON.stringify(name)} is unknown`);
    if (!known.get(name)!.make)
      throw new Error(`enable-admission-plugins plugin ${JSON.stringify(name)} is not supported`);
  }
  for (const name of disable) {
    if (!known.has(name)) throw new Error(`disable-admission-plugins plugin ${JSON.stringify(name)} is unknown`);
  }
  const both = enable.filter((name) => disable.includes(name)).sort();
  if (both.length > 0) {
    throw new Error(`[${both.join(" ")}] in enable-admission-plugins and disable-admission-plugins overlapped`);
  }
  return PLUGINS.filter(({ name, on }) => enable.includes(name) || (on && !disable.includes(name))).flatMap(
    ({ make }) => make?.(services) ?? [],
  );
}
