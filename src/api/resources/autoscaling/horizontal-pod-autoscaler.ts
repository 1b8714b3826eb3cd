import { horizontalPodAutoscalersAutoscalingV2 } from "../../resource-types.ts";
import type { HorizontalPodAutoscaler } from "../../types/autoscaling.v2.ts";
import { define } from "../define.ts";
import { v1Conversion } from "./v1-conversion.ts";

export const horizontalPodAutoscaler = define<HorizontalPodAutoscaler>({
  type: horizontalPodAutoscalersAutoscalingV2,
  singular: "horizontalpodautoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  hasStatus: true,
  generation: false,
  conversions: { v1: v1Conversion },
});
