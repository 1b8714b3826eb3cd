import { limitRanges, resourceQuotas } from "../../resource-types.ts";
import type { LimitRange, LimitRangeItem, ResourceQuota } from "../../types/core.v1.ts";
import { define } from "../define.ts";
import { canonicalizeList, canonicalizeMilliList } from "../quantities.ts";

/** For containers, what is given as a maximum is the default limit, and that the default request. */
function defaultItem(item: LimitRangeItem): void {
  canonicalizeMilliList(item.max);
  canonicalizeMilliList(item.min);
  canonicalizeMilliList(item.default);
  canonicalizeMilliList(item.defaultRequest);
  canonicalizeList(item.maxLimitRequestRatio);
  if (item.type !== "Container") return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
}

export const limitRange = define<LimitRange>({
  type: limitRanges,
  singular: "limitrange",
  shortNames: ["limits"],
  createOnUpdate: true,
  defaults(range) {
    range.spec ??= { limits: [] };
    for (const item of range.spec.limits ?? []) defaultItem(item);
  },
});

export const resourceQuota = define<ResourceQuota>({
  type: resourceQuotas,
  singular: "resourcequota",
  shortNames: ["quota"],
  hasStatus: true,
  generation: false,
  defaults(quota) {
    quota.spec ??= {};
    canonicalizeMilliList(quota.spec.hard);
    canonicalizeMilliList(quota.status?.hard);
    canonicalizeMilliList(quota.status?.used);
  },
  prepareForCreate(quota) {
    quota.status = {};
  },
});
