import type { FieldError } from "../../resource-definition.ts";
import type { CustomResourceDefinition } from "../../types/apiextensions.v1.ts";
import { at, goQuote, invalid, required } from "../field-errors.ts";

/** Groups of the Kubernetes project itself take reviewed APIs only, which this annotation says (KEP-1111). */
export const APPROVAL = "api-approved.kubernetes.io";

const HELP = "see https://github.com/kubernetes/enhancements/pull/1111";
const MUST = `protected groups must have approval annotation ${goQuote(APPROVAL)}`;
const EITHER = `with either a URL or a reason starting with "unapproved"`;

export function approvalOf(annotation = ""): "missing" | "bypassed" | "approved" | "invalid" {
  if (annotation === "") return "missing";
  if (annotation.startsWith("unapproved")) return "bypassed";
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]+/.test(annotation) && URL.canParse(annotation) ? "approved" : "invalid";
}

const isProtected = (group: string | undefined) => /(^|\.)(k8s|kubernetes)\.io$/.test(group ?? "");

export function validateApproval(
  group: string | undefined,
  annotation: string | undefined,
  errors: FieldError[],
): void {
  if (!isProtected(group)) return;
  const path = at("metadata.annotations", APPROVAL);
  const state = approvalOf(annotation);
  if (state === "missing") errors.push(required(path, `${MUST}, ${HELP}`));
  if (state === "invalid") errors.push(invalid(path, annotation, `${MUST} ${EITHER}, ${HELP}`));
}

/** The condition KubernetesAPIApprovalPolicyConformant; none for groups that are nobody's business. */
export function approvalCondition({ metadata, spec }: CustomResourceDefinition) {
  if (!isProtected(spec.group)) return undefined;
  const annotation = metadata?.annotations?.[APPROVAL] ?? "";
  const condition = (status: string, reason: string, message: string) => ({
    type: "KubernetesAPIApprovalPolicyConformant",
    status,
    reason,
    message,
  });
  switch (approvalOf(annotation)) {
    case "missing":
      return condition("False", "MissingAnnotation", `${MUST}, ${HELP}`);
    case "bypassed":
      return condition("False", "UnapprovedAnnotation", `not approved: ${goQuote(annotation)}`);
    case "approved":
      return condition("True", "ApprovedAnnotation", `approved in ${annotation}`);
    default:
      return condition("False", "InvalidAnnotation", `${MUST} ${EITHER}, ${HELP}`);
  }
}
