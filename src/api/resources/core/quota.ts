import { limitRanges, resourceQuotas } from "../../resource-types.ts";
import type { LimitRange, ResourceQuota } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const limitRange = define<LimitRange>({
  type: limitRanges,
  singular: "limitrange",
  shortNames: ["limits"],
  createOnUpdate: true,
});

export const resourceQuota = define<ResourceQuota>({
  type: resourceQuotas,
  singular: "resourcequota",
  shortNames: ["quota"],
  hasStatus: true,
  generation: false,
});
