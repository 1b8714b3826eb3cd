import { limitRanges, resourceQuotas } from "../../resource-types.ts";
import type { LimitRange, LimitRangeItem, ResourceQuota } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { canonicalizeList, canonicalizeMilliList } from "../quantities.ts";
import {
  validateLimitRange,
  validateResourceQuota,
  validateResourceQuotaStatus,
  validateResourceQuotaUpdate,
} from "./quota-validation.ts";

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
  validate: validateLimitRange,
  defaults(range) {
    range.spec ??= { limits: [] };
    for (const item of range.spec.limits ?? []) defaultItem(item);
  },
});

export const resourceQuota = define<ResourceQuota>({
  type: resourceQuotas,
  singular: "resourcequota",
  shortNames: ["quota"],
  columns: [
    nameColumn,
    column("Request", "What is used and allowed, but for limits.", (quota) => usage(quota, false)),
    column("Limit", "What is used and allowed of limits.", (quota) => usage(quota, true)),
    ageColumn,
  ],
  hasStatus: true,
  generation: false,
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
  validateStatusUpdate: validateResourceQuotaStatus,
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

/** `name: used/hard` for each resource, either those of limits or the others. */
function usage({ status }: ResourceQuota, limits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter((name) => name.startsWith("limits.") === limits)
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? "0"}/${status!.hard![name]}`)
    .join(", ");
}
