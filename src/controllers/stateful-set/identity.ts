import { statefulSets } from "../../api/resource-types.ts";
import type { ControllerRevision, StatefulSet } from "../../api/types/apps.v1.ts";
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from "../../api/types/core.v1.ts";
import { podFromTemplate } from "../pod-control.ts";

export const POD_NAME = "statefulset.kubernetes.io/pod-name";
export const POD_INDEX = "apps.kubernetes.io/pod-index";
export const REVISION = "controller-revision-hash";

export const startOrdinal = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0;
export const endOrdinal = (set: StatefulSet): number => startOrdinal(set) + (set.spec?.replicas ?? 1) - 1;
export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata?.name}-${ordinal}`;
export const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string =>
  `${template.metadata?.name}-${podName(set, ordinal)}`;
export const revisionNameOf = (pod: Pod): string | undefined => pod.metadata?.labels?.[REVISION];

/** The ordinal in a pod's name; undefined where it is not one of the set's names. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata?.name ?? "");
  return match && match[1] === set.metadata?.name ? Number(match[2]) : undefined;
}

/** The template that a revision keeps; the set's own where the revision is not known. */
export function templateOf(set: StatefulSet, revision: ControllerRevision | undefined): PodTemplateSpec | undefined {
  const kept = (revision?.data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } } | undefined)?.spec;
  if (!kept?.template) return set.spec?.template;
  const { $patch: _, ...template } = kept.template;
  return template;
}

/** The pod of an ordinal, with the name, host name and volumes that it keeps for life. */
export function podOf(set: StatefulSet, ordinal: number, revision: ControllerRevision): Pod {
  const { metadata, ...pod } = podFromTemplate(statefulSets, set, templateOf(set, revision));
  const { generateName: _, ...rest } = metadata ?? {};
  return withIdentity(set, ordinal, {
    ...pod,
    metadata: { ...rest, labels: { ...rest.labels, [REVISION]: revision.metadata?.name ?? "" } },
  });
}

/** The pod with everything that makes it the one of its ordinal. */
export function withIdentity(set: StatefulSet, ordinal: number, pod: Pod): Pod {
  const name = podName(set, ordinal);
  const templates = set.spec?.volumeClaimTemplates ?? [];
  const claims = templates.map(
    (template): Volume => ({
      name: template.metadata?.name ?? "",
      persistentVolumeClaim: { claimName: claimName(set, template, ordinal), readOnly: false },
    }),
  );
  const others = (pod.spec?.volumes ?? []).filter((volume) => !claims.some((claim) => claim.name === volume.name));
  const volumes = [...claims, ...others];
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      name,
      namespace: set.metadata?.namespace,
      labels: { ...pod.metadata?.labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal) },
    },
    spec: {
      ...pod.spec!,
      hostname: name,
      ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  };
}

/** Whether the pod's labels say who it is. Volumes and host name can't change, once it is there. */
export function hasIdentity(set: StatefulSet, pod: Pod): boolean {
  const { labels, name } = pod.metadata ?? {};
  return labels?.[POD_NAME] === name && labels?.[POD_INDEX] === String(ordinalOf(set, pod));
}

/** The claims of an ordinal. */
export function claimsOf(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...template.metadata,
      name: claimName(set, template, ordinal),
      namespace: set.metadata?.namespace,
      labels: { ...template.metadata?.labels, ...set.spec?.selector.matchLabels },
    },
  }));
}
