import { checkDnsSubdomain, checkPathSegment, checkQualifiedName, checkServiceName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  AuditAnnotation,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from "../../types/admissionregistration.v1.ts";
import { validateConditions } from "../condition-checks.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { validateLabelSelector } from "../label-checks.ts";
import { addProblems, validateEnum } from "../value-checks.ts";
import { isBlank, validateMatchConditions, validateVariables } from "./expression-checks.ts";
import { FAILURE_POLICIES, validateMatchResources } from "./rule-validation.ts";

const MAX_AUDIT_ANNOTATIONS = 20;
const MAX_VALUE_EXPRESSION = 5 * 1024;
const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"];

export function validateValidatingPolicy({ metadata, spec = {} }: ValidatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  validatePolicyCore(spec, errors);
  const { validations = [], auditAnnotations = [] } = spec;
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const detail = "validations or auditAnnotations must contain at least one item";
    return [...errors, required("spec.validations", detail), required("spec.auditAnnotations", detail)];
  }
  for (const [index, validation] of validations.entries()) {
    validateValidation(validation, at("spec.validations", index), errors);
  }
  if (auditAnnotations.length > MAX_AUDIT_ANNOTATIONS) {
    const detail = `must not have more than ${MAX_AUDIT_ANNOTATIONS} auditAnnotations`;
    errors.push(invalid("spec.auditAnnotations", auditAnnotations, detail));
  }
  const keys = new Set<string>();
  for (const [index, annotation] of auditAnnotations.entries()) {
    const path = at("spec.auditAnnotations", index);
    validateAuditAnnotation(annotation, metadata?.name ?? "", path, errors);
    if (keys.has(annotation.key)) errors.push(duplicate(child(path, "key"), annotation.key));
    keys.add(annotation.key);
  }
  return errors;
}

export function validateValidatingPolicyStatus({ status }: ValidatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const warnings = status?.typeChecking?.expressionWarnings ?? [];
  for (const [index, { warning, fieldRef }] of warnings.entries()) {
    const path = at("status.typeChecking.expressionWarnings", index);
    if (!warning) errors.push(required(child(path, "warning")));
    if (isBlank(fieldRef)) errors.push(required(child(path, "fieldRef")));
  }
  return [...errors, ...validateConditions(status?.conditions, "status.conditions")];
}

export function validateMutatingPolicy({ spec = {} }: MutatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  validatePolicyCore(spec, errors);
  const { mutations = [] } = spec;
  if (mutations.length === 0) errors.push(required("spec.mutations", "mutations must contain at least one item"));
  for (const [index, mutation] of mutations.entries()) {
    validateMutation(mutation, at("spec.mutations", index), errors);
  }
  validateEnum(spec.reinvocationPolicy, ["IfNeeded", "Never"], "spec.reinvocationPolicy", errors);
  return errors;
}

type PolicySpec = NonNullable<ValidatingAdmissionPolicy["spec"]> | NonNullable<MutatingAdmissionPolicy["spec"]>;

/** What policies of both kinds have. */
function validatePolicyCore(spec: PolicySpec, errors: FieldError[]): void {
  const { failurePolicy, paramKind, matchConstraints } = spec;
  validateEnum(failurePolicy, FAILURE_POLICIES, "spec.failurePolicy", errors);
  if (paramKind) validateParamKind(paramKind, "spec.paramKind", errors);
  if (!matchConstraints) errors.push(required("spec.matchConstraints"));
  else {
    validateMatchResources(matchConstraints, "spec.matchConstraints", errors);
    if (!matchConstraints.resourceRules?.length) errors.push(required("spec.matchConstraints.resourceRules"));
  }
  validateMatchConditions(spec.matchConditions, "spec.matchConditions", errors);
  validateVariables(spec.variables, "spec.variables", errors);
}

function validateParamKind({ apiVersion, kind }: ParamKind, path: string, errors: FieldError[]): void {
  const field = child(path, "apiVersion");
  const parts = (apiVersion ?? "").split("/");
  if (!apiVersion) errors.push(required(field));
  else if (parts.length > 2) errors.push(invalid(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    const version = parts.at(-1)!;
    const group = parts.length === 2 ? parts[0]! : "";
    const groupProblems = group === "" ? [] : checkDnsSubdomain(group);
    if (groupProblems.length > 0) errors.push(invalid(field, group, groupProblems.join(",")));
    const versionProblems = checkServiceName(version);
    if (version === "") errors.push(invalid(field, apiVersion, "version must be specified"));
    else if (versionProblems.length > 0) errors.push(invalid(field, version, versionProblems.join(",")));
  }
  if (!kind) errors.push(required(child(path, "kind")));
  else {
    const problems = checkServiceName(kind.toLowerCase());
    if (problems.length === 0) return;
    const detail = `may have mixed case, but should otherwise match: ${problems.join(",")}`;
    errors.push(invalid(child(path, "kind"), kind, detail));
  }
}

function validateValidation(validation: Validation, path: string, errors: FieldError[]): void {
  const { expression, message, messageExpression, reason } = validation;
  if (isBlank(expression)) errors.push(required(child(path, "expression"), "expression is not specified"));
  if (messageExpression && isBlank(messageExpression)) {
    errors.push(invalid(child(path, "messageExpression"), messageExpression, "must be non-empty if specified"));
  }
  if (message && isBlank(message)) {
    errors.push(invalid(child(path, "message"), message, "message must be non-empty if specified"));
  } else if (/[\n\r]/.test(message?.trim() ?? "")) {
    errors.push(invalid(child(path, "message"), message, "message must not contain line breaks"));
  }
  if (reason != null && !REASONS.includes(reason)) errors.push(notSupported(child(path, "reason"), reason, REASONS));
}

function validateAuditAnnotation(
  { key, valueExpression }: AuditAnnotation,
  name: string,
  path: string,
  errors: FieldError[],
): void {
  if (name === "") errors.push(invalid(child(path, "key"), key ?? "", "requires metadata.name be non-empty"));
  else addProblems(checkQualifiedName(`${name}/${key ?? ""}`), child(path, "key"), `${name}/${key ?? ""}`, errors);
  const field = child(path, "valueExpression");
  if (isBlank(valueExpression)) errors.push(required(field, "valueExpression is not specified"));
  else if (Buffer.byteLength(valueExpression.trim()) > MAX_VALUE_EXPRESSION) {
    errors.push(required(field, `must not exceed ${MAX_VALUE_EXPRESSION} bytes in length`));
  }
}

function validateMutation(mutation: Mutation, path: string, errors: FieldError[]): void {
  const { patchType, applyConfiguration, jsonPatch } = mutation;
  const sources = { ApplyConfiguration: "applyConfiguration", JSONPatch: "jsonPatch" } as const;
  if (!patchType) errors.push(required(child(path, "patchType"), "patchType must be specified"));
  else if (!(patchType in sources)) {
    errors.push(notSupported(child(path, "patchType"), patchType, Object.keys(sources)));
  }
  for (const [type, name] of Object.entries(sources)) {
    const source = name === "jsonPatch" ? jsonPatch : applyConfiguration;
    const field = child(path, name);
    if (type !== patchType) {
      if (source) errors.push(invalid(field, source, `must not be specified when patchType is ${patchType ?? ""}`));
    } else if (!source) errors.push(required(field, `must be specified when patchType is ${type}`));
    else if (isBlank(source.expression)) {
      errors.push(required(child(field, "expression"), "expression is not specified"));
    }
  }
}

export function validateValidatingBinding({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const errors = validateBindingCore(spec ?? {});
  const actions = spec?.validationActions ?? [];
  const path = "spec.validationActions";
  for (const [index, action] of actions.entries()) {
    if (!["Audit", "Deny", "Warn"].includes(action)) {
      errors.push(notSupported(at(path, index), action, ["Audit", "Deny", "Warn"]));
    }
    if (actions.indexOf(action) < index) errors.push(duplicate(at(path, index), action));
  }
  if (actions.includes("Deny") && actions.includes("Warn")) {
    const detail =
      "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
    errors.push(invalid(path, actions, detail));
  }
  if (actions.length === 0) errors.push(required(path, "at least one validation action is required"));
  return errors;
}

export function validateMutatingBinding({ spec }: MutatingAdmissionPolicyBinding): FieldError[] {
  return validateBindingCore(spec ?? {});
}

function validateBindingCore(spec: NonNullable<MutatingAdmissionPolicyBinding["spec"]>): FieldError[] {
  const errors: FieldError[] = [];
  const { policyName, paramRef, matchResources } = spec;
  if (!policyName) errors.push(required("spec.policyName"));
  else addProblems(checkDnsSubdomain(policyName), "spec.policyName", policyName, errors);
  if (paramRef) validateParamRef(paramRef, "spec.paramRef", errors);
  // The field's name is misspelled in upstream's messages.
  if (matchResources) validateMatchResources(matchResources, "spec.matchResouces", errors);
  return errors;
}

function validateParamRef(reference: ParamRef, path: string, errors: FieldError[]): void {
  const { name, selector, parameterNotFoundAction } = reference;
  const exclusive = "name and selector are mutually exclusive";
  if (name) {
    addProblems(checkPathSegment(name), child(path, "name"), name, errors);
    if (selector) errors.push(forbidden(child(path, "name"), exclusive));
  }
  if (selector) {
    validateLabelSelector(selector, child(path, "selector"), errors);
    if (name) errors.push(forbidden(child(path, "selector"), exclusive));
  }
  if (!name && !selector) errors.push(required(path, "one of name or selector must be specified"));
  validateEnum(parameterNotFoundAction, ["Deny", "Allow"], child(path, "parameterNotFoundAction"), errors);
}
