import { statefulSets } from "../../resource-types.ts";
import type { StatefulSet, StatefulSetSpec } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, nameColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { defaultClaim } from "../core/volume.ts";
import { define } from "../define.ts";

export const statefulSet = define<StatefulSet>({
  type: statefulSets,
  singular: "statefulset",
  shortNames: ["sts"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  columns: [
    nameColumn,
    column(
      "Ready",
      "How many of the wanted pods are ready.",
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    ageColumn,
    ...containerColumns<StatefulSet>(({ spec }) => spec?.template),
  ],
  defaults(set) {
    set.spec ??= {} as StatefulSetSpec;
    const { spec } = set;
    spec.podManagementPolicy ||= "OrderedReady";
    spec.updateStrategy ??= {};
    const { updateStrategy } = spec;
    if (!updateStrategy.type) {
      updateStrategy.type = "RollingUpdate";
      updateStrategy.rollingUpdate ??= {};
    }
    if (updateStrategy.type === "RollingUpdate" && updateStrategy.rollingUpdate) {
      updateStrategy.rollingUpdate.partition ??= 0;
      updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    }
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= "Retain";
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= "Retain";
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    spec.template ??= {};
    defaultPodTemplate(spec.template);
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ||= "v1";
      claim.kind ||= "PersistentVolumeClaim";
      claim.metadata ??= {};
      defaultClaim(claim);
    }
  },
  prepareForCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
});
