import { timeOf } from "../../api/codec/time.ts";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionStatus,
} from "../../api/types/apiextensions.v1.ts";

export type Condition = Omit<CustomResourceDefinitionCondition, "lastTransitionTime">;

export function conditionOf(definition: CustomResourceDefinition, type: string): Condition | undefined {
  return definition.status?.conditions?.find((condition) => condition.type === type);
}

export const isTrue = (definition: CustomResourceDefinition, type: string): boolean =>
  conditionOf(definition, type)?.status === "True";

/** The status with a condition set; its time changes only with what it says. */
export function withCondition(
  status: CustomResourceDefinitionStatus,
  condition: Condition,
  now: number,
): CustomResourceDefinitionStatus {
  const conditions = status.conditions ?? [];
  const old = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime =
    old?.status === condition.status && old.lastTransitionTime ? old.lastTransitionTime : timeOf(now);
  const made = { ...condition, lastTransitionTime };
  return {
    ...status,
    conditions: old ? conditions.map((one) => (one === old ? made : one)) : [...conditions, made],
  };
}

export const sameCondition = (a: Condition | undefined, b: Condition): boolean =>
  a !== undefined && a.status === b.status && a.reason === b.reason && a.message === b.message;
