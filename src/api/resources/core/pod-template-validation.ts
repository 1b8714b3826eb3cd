import type { FieldError } from "../../resource-definition.ts";
import type { PodTemplateSpec } from "../../types/core.v1.ts";
import { child, forbidden } from "../field-errors.ts";
import { validateAnnotations, validateLabels } from "../label-checks.ts";
import { validatePodAnnotations, validateProfilesMatch } from "./pod-annotations.ts";
import { validatePodSpec } from "./pod-spec-validation.ts";

/** Validates the template of a workload's pods. */
export function validatePodTemplate(
  template: PodTemplateSpec | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  const { metadata = {}, spec = { containers: [] } } = template ?? {};
  validateLabels(metadata.labels, child(path, "labels"), errors);
  validateAnnotations(metadata.annotations, child(path, "annotations"), errors);
  validatePodAnnotations(metadata.annotations, spec, child(path, "annotations"), errors);
  validatePodSpec(spec, undefined, child(path, "spec"), errors);
  validateProfilesMatch(metadata.annotations, spec, child(path, "spec"), errors);
  if (spec.ephemeralContainers?.length) {
    const detail = "ephemeral containers not allowed in pod template";
    errors.push(forbidden(child(path, "spec", "ephemeralContainers"), detail));
  }
}
