import type { FieldError, WriteContext } from "../../resource-definition.ts";
import type { Container, Pod } from "../../types/core.v1.ts";
import { at, child, forbidden } from "../field-errors.ts";
import { validateTrimmedImage } from "./container-validation.ts";
import { validatePodAnnotations, validateProfilesMatch } from "./pod-annotations.ts";
import { validatePodSpec } from "./pod-spec-validation.ts";

/** What holds for a pod at creation and after each update. */
export function validatePod(pod: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const spec = pod.spec!;
  validatePodAnnotations(pod.metadata?.annotations, spec, "metadata.annotations", errors);
  validatePodSpec(spec, pod.metadata?.name ?? "", "spec", errors);
  if (!spec.serviceAccountName) {
    for (const [index, { projected }] of (spec.volumes ?? []).entries()) {
      for (const [position, { serviceAccountToken }] of (projected?.sources ?? []).entries()) {
        if (!serviceAccountToken) continue;
        const source = at(child(at("spec.volumes", index), "projected", "sources"), position);
        const detail = "must not be specified when serviceAccountName is not set";
        errors.push(forbidden(child(source, "serviceAccountToken"), detail));
      }
    }
  }
  validateImages(spec.containers, "spec.containers", errors);
  validateImages(spec.initContainers, "spec.initContainers", errors);
  return errors;
}

function validateImages(containers: Container[] | undefined, path: string, errors: FieldError[]): void {
  for (const [index, container] of (containers ?? []).entries()) {
    validateTrimmedImage(container, at(path, index), errors);
  }
}

/** What a new pod may not have yet. */
export function validatePodCreate(pod: Pod, _context: WriteContext): FieldError[] {
  const errors: FieldError[] = [];
  const spec = pod.spec!;
  if (spec.ephemeralContainers?.length) errors.push(forbidden("spec.ephemeralContainers", "cannot be set on create"));
  if (spec.nodeName && spec.schedulingGates?.length) {
    errors.push(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"));
  }
  validateProfilesMatch(pod.metadata?.annotations, spec, "spec", errors);
  return errors;
}
