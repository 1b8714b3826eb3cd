import { horizontalPodAutoscalersAutoscalingV2 } from "../../resource-types.ts";
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricTarget } from "../../types/autoscaling.v2.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { canonical } from "../quantities.ts";
import { targetsCell } from "./targets-cell.ts";
import { cpuMetric, v1Conversion } from "./v1-conversion.ts";
import { validateAutoscaler, validateAutoscalerStatus } from "./validation.ts";

/** Percent, where no metric is given. */
const DEFAULT_CPU_UTILIZATION = 80;

const SCALE_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const SCALE_DOWN: HPAScalingRules = {
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};

export const horizontalPodAutoscaler = define<HorizontalPodAutoscaler>({
  type: horizontalPodAutoscalersAutoscalingV2,
  singular: "horizontalpodautoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  hasStatus: true,
  generation: false,
  columns: [
    nameColumn,
    column(
      "Reference",
      "What is scaled.",
      ({ spec }) => `${spec?.scaleTargetRef?.kind ?? ""}/${spec?.scaleTargetRef?.name ?? ""}`,
    ),
    column("Targets", "Current and wanted values of the metrics.", targetsCell),
    column("MinPods", "Lower bound of the replicas.", ({ spec }) => String(spec?.minReplicas ?? "<unset>")),
    column("MaxPods", "Upper bound of the replicas.", ({ spec }) => spec?.maxReplicas ?? 0),
    column("Replicas", "How many replicas there are.", ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
  defaults(autoscaler) {
    autoscaler.spec ??= {} as HorizontalPodAutoscaler["spec"];
    const { spec } = autoscaler;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) spec.metrics = [cpuMetric(DEFAULT_CPU_UTILIZATION)];
    for (const metric of spec.metrics) canonicalizeTarget(metric);
    if (!spec.behavior) return;
    spec.behavior.scaleUp = { ...SCALE_UP, ...compact(spec.behavior.scaleUp) };
    spec.behavior.scaleDown = { ...SCALE_DOWN, ...compact(spec.behavior.scaleDown) };
  },
  prepareForCreate(autoscaler) {
    autoscaler.status = { desiredReplicas: 0 };
  },
  validate: validateAutoscaler,
  validateStatusUpdate: validateAutoscalerStatus,
  conversions: { v1: v1Conversion },
});

/** What is given in `rules`, without what is null. */
function compact(rules: HPAScalingRules | undefined): HPAScalingRules {
  const given = Object.entries(rules ?? {}).filter(([, value]) => value !== null && value !== undefined);
  const result: HPAScalingRules = Object.fromEntries(given);
  if (result.tolerance !== undefined) result.tolerance = canonical(result.tolerance);
  return result;
}

function canonicalizeTarget(metric: MetricSpec): void {
  const source = metric.resource ?? metric.containerResource ?? metric.pods ?? metric.object ?? metric.external;
  const target: MetricTarget | undefined = source?.target;
  if (!target) return;
  if (target.value != null) target.value = canonical(target.value);
  if (target.averageValue != null) target.averageValue = canonical(target.averageValue);
}
