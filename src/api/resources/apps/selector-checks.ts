import { SelectorError, selectorOf } from "../../label-selector.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { PodTemplateSpec } from "../../types/core.v1.ts";
import type { LabelSelector } from "../../types/meta.v1.ts";
import { validatePodTemplate } from "../core/pod-template-validation.ts";
import { child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { isEmptySelector, validateLabelSelector } from "../label-checks.ts";
import { validateNonNegative } from "../value-checks.ts";

/** The selector of a workload: there, sound, and not so wide that it takes every pod. */
export function validateWorkloadSelector(
  selector: LabelSelector | undefined | null,
  kind: string,
  path: string,
  errors: FieldError[],
): void {
  if (!selector) {
    errors.push(required(path));
    return;
  }
  validateLabelSelector(selector, path, errors);
  if (isEmptySelector(selector)) errors.push(invalid(path, selector, `empty selector is invalid for ${kind}`));
}

/**
 * The template carries labels that the selector finds; an absent selector finds none. One that can't be read is
 * complained of elsewhere.
 */
export function validateTemplateLabels(
  selector: LabelSelector | undefined | null,
  template: PodTemplateSpec | undefined,
  path: string,
  errors: FieldError[],
): void {
  const labels = template?.metadata?.labels;
  try {
    if (selectorOf(selector).matches(labels)) return;
  } catch (error) {
    if (error instanceof SelectorError) return;
    throw error;
  }
  errors.push(
    invalid(child(path, "metadata", "labels"), labels ?? null, "`selector` does not match template `labels`"),
  );
}

/** The template of pods that are kept running: sound, and without what would make them end. */
export function validateLastingTemplate(
  template: PodTemplateSpec | undefined,
  kind: string,
  path: string,
  errors: FieldError[],
): void {
  validatePodTemplate(template, path, errors);
  validateLasting(template, kind, path, errors);
}

export function validateLasting(
  template: PodTemplateSpec | undefined,
  kind: string,
  path: string,
  errors: FieldError[],
): void {
  const policy = template?.spec?.restartPolicy;
  if (policy !== "Always") errors.push(notSupported(child(path, "spec", "restartPolicy"), policy ?? "", ["Always"]));
  if (template?.spec?.activeDeadlineSeconds != null) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.push(forbidden(child(path, "spec", "activeDeadlineSeconds"), detail));
  }
}

/** Counts of a status: none below zero, those of `parts` not above `replicas`, available ones not above ready ones. */
export function validateReplicaCounts(
  status: Readonly<Record<string, unknown>>,
  parts: readonly string[],
  readyName: string,
  errors: FieldError[],
): void {
  const count = (name: string) => (typeof status[name] === "number" ? (status[name] as number) : 0);
  for (const name of ["replicas", ...parts, "terminatingReplicas", "observedGeneration", "collisionCount"]) {
    validateNonNegative(count(name), child("status", name), errors);
  }
  for (const name of parts) {
    if (count(name) <= count("replicas")) continue;
    errors.push(invalid(child("status", name), count(name), "cannot be greater than status.replicas"));
  }
  if (parts.includes("readyReplicas") && count("availableReplicas") > count("readyReplicas")) {
    const detail = `cannot be greater than ${readyName}`;
    errors.push(invalid("status.availableReplicas", count("availableReplicas"), detail));
  }
}

/** How often names collided only ever grows. */
export function validateCollisionCount(
  count: number | undefined | null,
  before: number | undefined | null,
  errors: FieldError[],
): void {
  if (before != null && (count ?? -1) < before) {
    errors.push(invalid("status.collisionCount", count ?? null, "cannot be decremented"));
  }
}
