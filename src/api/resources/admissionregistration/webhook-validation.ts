import type { FieldError } from "../../resource-definition.ts";
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from "../../types/admissionregistration.v1.ts";
import { at, child, duplicate, invalid, notSupported, required } from "../field-errors.ts";
import { validateLabelSelector } from "../label-checks.ts";
import { validateFullyQualifiedName } from "../reference-checks.ts";
import { validateOptionalEnum } from "../value-checks.ts";
import { REVIEW_VERSIONS, validateClientConfig, validateReviewVersions } from "../webhook-client-validation.ts";
import { validateMatchConditions } from "./expression-checks.ts";
import { validateConditionExpressions } from "./expressions.ts";
import { FAILURE_POLICIES, MATCH_POLICIES, validateRule } from "./rule-validation.ts";

const SIDE_EFFECTS = ["None", "NoneOnDryRun"];

/** Webhooks of either kind. Those that validate have no reinvocationPolicy. */
export function validateWebhooks({
  webhooks,
}: MutatingWebhookConfiguration | ValidatingWebhookConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, webhook] of (webhooks ?? []).entries()) {
    const path = at("webhooks", index);
    validateWebhook(webhook, path, errors);
    const versions = webhook.admissionReviewVersions;
    const missing = `must specify one of ${REVIEW_VERSIONS}`;
    validateReviewVersions(versions, missing, child(path, "admissionReviewVersions"), errors);
    if (!webhook.name) continue;
    if (names.has(webhook.name)) errors.push(duplicate(child(path, "name"), webhook.name));
    names.add(webhook.name);
  }
  return errors;
}

function validateWebhook(webhook: MutatingWebhook, path: string, errors: FieldError[]): void {
  const { name = "", rules, sideEffects, timeoutSeconds } = webhook;
  validateFullyQualifiedName(name, child(path, "name"), errors);
  for (const [index, rule] of (rules ?? []).entries()) validateRule(rule, at(child(path, "rules"), index), errors);
  validateOptionalEnum(webhook.failurePolicy, FAILURE_POLICIES, child(path, "failurePolicy"), errors);
  validateOptionalEnum(webhook.matchPolicy, MATCH_POLICIES, child(path, "matchPolicy"), errors);
  if (sideEffects == null) {
    errors.push(required(child(path, "sideEffects"), `must specify one of ${SIDE_EFFECTS.join(", ")}`));
  } else if (!SIDE_EFFECTS.includes(sideEffects)) {
    errors.push(notSupported(child(path, "sideEffects"), sideEffects, SIDE_EFFECTS));
  }
  if (timeoutSeconds != null && (timeoutSeconds > 30 || timeoutSeconds < 1)) {
    const detail = "the timeout value must be between 1 and 30 seconds";
    errors.push(invalid(child(path, "timeoutSeconds"), timeoutSeconds, detail));
  }
  validateLabelSelector(webhook.namespaceSelector, child(path, "namespaceSelector"), errors);
  validateLabelSelector(webhook.objectSelector, child(path, "objectSelector"), errors);
  const reinvocation = ["IfNeeded", "Never"];
  validateOptionalEnum(webhook.reinvocationPolicy, reinvocation, child(path, "reinvocationPolicy"), errors);
  validateClientConfig(webhook.clientConfig, child(path, "clientConfig"), errors);
  const conditions = child(path, "matchConditions");
  validateMatchConditions(webhook.matchConditions, conditions, errors);
  validateConditionExpressions(webhook.matchConditions, false, conditions, errors);
}
