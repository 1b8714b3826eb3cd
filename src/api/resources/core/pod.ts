import type { ResourceDefinition, RowCondition } from "../../resource-definition.ts";
import { pods } from "../../resource-types.ts";
import type { Pod } from "../../types/core.v1.ts";
import { define } from "../define.ts";
import { podColumns } from "./pod-columns.ts";
import { defaultPod } from "./pod-defaults.ts";
import { preparePodForCreate, preparePodForStatusUpdate, preparePodForUpdate } from "./pod-prepare.ts";
import { validatePodStatusUpdate } from "./pod-status-validation.ts";
import { validatePodUpdate } from "./pod-update-validation.ts";
import { validatePod, validatePodCreate } from "./pod-validation.ts";
import { podWarnings } from "./pod-warnings.ts";

const completed = (reason: string, message: string): readonly RowCondition[] => [
  { type: "Completed", status: "True", reason, message },
];
const COMPLETED: Readonly<Record<string, readonly RowCondition[]>> = {
  Succeeded: completed("Succeeded", "The pod has completed successfully."),
  Failed: completed("Failed", "The pod failed."),
};

const definition: ResourceDefinition<Pod> = {
  type: pods,
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  selectableFields: {
    "spec.nodeName": (pod) => pod.spec?.nodeName ?? "",
    "spec.restartPolicy": (pod) => pod.spec?.restartPolicy ?? "",
    "spec.schedulerName": (pod) => pod.spec?.schedulerName ?? "",
    "spec.serviceAccountName": (pod) => pod.spec?.serviceAccountName ?? "",
    "spec.hostNetwork": (pod) => String(pod.spec?.hostNetwork === true),
    "status.phase": (pod) => pod.status?.phase ?? "",
    "status.podIP": (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? "",
    "status.nominatedNodeName": (pod) => pod.status?.nominatedNodeName ?? "",
  },
  defaults: defaultPod,
  columns: podColumns,
  rowConditions: ({ status }) => COMPLETED[status?.phase ?? ""],
  prepareForCreate: preparePodForCreate,
  prepareForUpdate: preparePodForUpdate,
  prepareForStatusUpdate: preparePodForStatusUpdate,
  validate: validatePod,
  validateCreate: validatePodCreate,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  warnings: podWarnings,
  gracePeriodSeconds(pod, requested) {
    const { nodeName, terminationGracePeriodSeconds } = pod.spec ?? {};
    const phase = pod.status?.phase;
    if (!nodeName || phase === "Failed" || phase === "Succeeded") return 0;
    const seconds = requested ?? terminationGracePeriodSeconds ?? 0;
    return seconds < 0 ? 1 : seconds;
  },
};

export const pod = define(definition);
