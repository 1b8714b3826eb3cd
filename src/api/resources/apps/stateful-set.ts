import { semanticEqual } from "../../json-equal.ts";
import type { FieldError } from "../../resource-definition.ts";
import { statefulSets } from "../../resource-types.ts";
import type { StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, nameColumn } from "../columns.ts";
import { claimSpecWarnings } from "../core/deprecated-volumes.ts";
import { validatePodAnnotations } from "../core/pod-annotations.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { templateWarnings } from "../core/pod-warnings.ts";
import { defaultClaim } from "../core/volume.ts";
import { define } from "../define.ts";
import { at, child, forbidden, invalid, required } from "../field-errors.ts";
import { validateAnnotations, validateLabels } from "../label-checks.ts";
import {
  isZeroIntOrPercent,
  validateNonNegative,
  validateNonNegativeIntOrPercent,
  validateNotOver100Percent,
  validateOptionalEnum,
} from "../value-checks.ts";
import {
  validateCollisionCount,
  validateLasting,
  validateReplicaCounts,
  validateTemplateLabels,
  validateWorkloadSelector,
} from "./selector-checks.ts";

export const statefulSet = define<StatefulSet>({
  warnings({ metadata, spec }, old) {
    if (old && metadata?.generation === old.metadata?.generation) return [];
    const warnings = templateWarnings(spec?.template, "spec.template");
    for (const [index, claim] of (spec?.volumeClaimTemplates ?? []).entries()) {
      warnings.push(...claimSpecWarnings(claim.spec, at("spec.volumeClaimTemplates", index)));
    }
    if ((spec?.revisionHistoryLimit ?? 0) < 0) {
      const detail = "a negative value retains all historical revisions; a value >= 0 is recommended";
      warnings.push(`spec.revisionHistoryLimit: ${detail}`);
    }
    return warnings;
  },
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
  validate: validateStatefulSet,
  validateUpdate({ spec }, old) {
    const kept = { ...spec! };
    for (const name of CHANGEABLE) Object.assign(kept, { [name]: old.spec?.[name] });
    if (semanticEqual(kept, old.spec)) return [];
    const detail =
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    return [forbidden("spec", detail)];
  },
  validateStatusUpdate({ status }, old) {
    const errors: FieldError[] = [];
    const parts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
    validateReplicaCounts({ ...status }, parts, "status.readyReplicas", errors);
    validateCollisionCount(status?.collisionCount, old.status?.collisionCount, errors);
    return errors;
  },
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

/** What may change in a StatefulSet; its pods and claims are tied to the rest. */
const CHANGEABLE = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const;

function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const errors: FieldError[] = [];
  const { selector, template, podManagementPolicy, updateStrategy } = spec!;
  if (!podManagementPolicy) errors.push(required("spec.podManagementPolicy"));
  else if (podManagementPolicy !== "OrderedReady" && podManagementPolicy !== "Parallel") {
    errors.push(invalid("spec.podManagementPolicy", podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  }
  validateUpdateStrategy(updateStrategy ?? {}, "spec.updateStrategy", errors);
  for (const name of ["whenDeleted", "whenScaled"] as const) {
    const path = child("spec.persistentVolumeClaimRetentionPolicy", name);
    const policy = spec!.persistentVolumeClaimRetentionPolicy?.[name];
    validateOptionalEnum(policy, ["Retain", "Delete"], path, errors);
  }
  validateNonNegative(spec!.replicas, "spec.replicas", errors);
  validateNonNegative(spec!.minReadySeconds, "spec.minReadySeconds", errors);
  validateNonNegative(spec!.revisionHistoryLimit, "spec.revisionHistoryLimit", errors);
  validateNonNegative(spec!.ordinals?.start, "spec.ordinals.start", errors);
  validateWorkloadSelector(selector, "statefulset", "spec.selector", errors);
  validateTemplateLabels(selector, template, "spec.template", errors);
  // The rest of the template is judged when pods are made of it: its volumes come from the claim templates.
  validateLabels(template?.metadata?.labels, "spec.template.labels", errors);
  validateAnnotations(template?.metadata?.annotations, "spec.template.annotations", errors);
  const { metadata, spec: podSpec = { containers: [] } } = template ?? {};
  validatePodAnnotations(metadata?.annotations, podSpec, "spec.template.annotations", errors);
  validateLasting(template, "StatefulSet", "spec.template", errors);
  return errors;
}

function validateUpdateStrategy(
  { type, rollingUpdate }: StatefulSetUpdateStrategy,
  path: string,
  errors: FieldError[],
): void {
  const field = child(path, "rollingUpdate");
  if (!type) errors.push(required(path));
  else if (type === "OnDelete") {
    if (rollingUpdate) errors.push(invalid(field, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"));
  } else if (type !== "RollingUpdate") {
    errors.push(invalid(path, { type, rollingUpdate }, "must be 'RollingUpdate' or 'OnDelete'"));
  } else if (rollingUpdate) {
    const { partition, maxUnavailable } = rollingUpdate;
    validateNonNegative(partition, child(field, "partition"), errors);
    if (maxUnavailable == null) return;
    validateNonNegativeIntOrPercent(maxUnavailable, child(field, "maxUnavailable"), errors);
    if (isZeroIntOrPercent(maxUnavailable)) {
      errors.push(invalid(child(field, "maxUnavailable"), maxUnavailable, "cannot be 0"));
    }
    validateNotOver100Percent(maxUnavailable, child(field, "maxUnavailable"), errors);
  }
}
