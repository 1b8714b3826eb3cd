import { horizontalPodAutoscalersAutoscalingV2 } from "../resource-types.ts";
import type { HorizontalPodAutoscaler } from "../types/autoscaling.v2.ts";
import { define } from "./define.ts";

export const horizontalPodAutoscaler = define<HorizontalPodAutoscaler>({
  type: horizontalPodAutoscalersAutoscalingV2,
  singular: "horizontalpodautoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  hasStatus: true,
  generation: false,
});
