import { parseFieldSelector } from "../../api/field-selector.ts";
import { selectorOf } from "../../api/label-selector.ts";
import type { KubeObject, ResourceType, UnknownObject } from "../../api/object.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
} from "../../api/resource-types.ts";
import { badRequest, invalid } from "../../api/status-error.ts";
import type {
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectRulesReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from "../../api/types/authorization.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization.ts";
import type { VirtualResource } from "../virtual-resource.ts";
import { checkSpec } from "./review-validation.ts";
import type { RuleResolver } from "./union.ts";

const GROUP = "authorization.k8s.io";

/**
 * The access reviews: may this user, or may I, do that? SubjectAccessReview, LocalSubjectAccessReview,
 * SelfSubjectAccessReview and SelfSubjectRulesReview (`kubectl auth can-i` and `--list`).
 */
export function accessReviewResources(authorizer: Authorizer, rules: RuleResolver): VirtualResource[] {
  const answer = async (
    object: UnknownObject,
    spec: SubjectAccessReviewSpec,
    user: UserInfo,
  ): Promise<UnknownObject> => {
    const { attributes, errors } = attributesOf(spec, user);
    const { decision, reason, error } = await authorizer.authorize(attributes);
    if (error) errors.unshift(error);
    const status: SubjectAccessReviewStatus = {
      allowed: decision === "allow",
      ...(decision === "deny" ? { denied: true } : {}),
      ...(reason ? { reason } : {}),
      ...(errors.length > 0 ? { evaluationError: errors.length === 1 ? errors[0]! : `[${errors.join(", ")}]` } : {}),
    };
    return { ...object, status };
  };
  const define = (type: ResourceType<KubeObject>, create: VirtualResource["create"]): VirtualResource => ({
    type: type as ResourceType,
    create,
  });
  return [
    define(subjectAccessReviews, async (object) => {
      const spec = specOf(object);
      refuse([...checkSpec(spec, { self: false }), ...checkMetadata(object, false)]);
      return answer(object, spec, userOf(spec));
    }),
    define(localSubjectAccessReviews, async (object, { namespace = "" }) => {
      const review = object as KubeObject as LocalSubjectAccessReview;
      const spec = specOf(object);
      const own = review.metadata?.namespace ?? "";
      refuse([...checkSpec(spec, { self: false }), ...checkMetadata(object, true), ...checkLocal(spec, own)]);
      if (namespace !== own) {
        throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
      }
      return answer(object, spec, userOf(spec));
    }),
    define(selfSubjectAccessReviews, async (object, { user }) => {
      const spec = specOf(object);
      refuse([...checkSpec(spec, { self: true }), ...checkMetadata(object, false)]);
      return answer(object, spec, user);
    }),
    define(selfSubjectRulesReviews, async (object, { user }) => {
      const namespace = (object as KubeObject as SelfSubjectRulesReview).spec?.namespace;
      if (!namespace) throw badRequest("no namespace on request");
      const { rules: found, incomplete, errors } = rules.rulesFor(user, namespace);
      const status: SelfSubjectRulesReview["status"] = {
        resourceRules: found
          .filter((rule) => rule.resources?.length)
          .map(({ verbs, apiGroups, resources, resourceNames }) => ({
            verbs,
            apiGroups,
            resources,
            ...(resourceNames?.length ? { resourceNames } : {}),
          })),
        nonResourceRules: found
          .filter((rule) => rule.nonResourceURLs?.length)
          .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
        incomplete,
        ...(errors.length > 0 ? { evaluationError: errors.length === 1 ? errors[0]! : `[${errors.join(", ")}]` } : {}),
      };
      return { kind: object.kind, apiVersion: object.apiVersion, metadata: {}, spec: {}, status };
    }),
  ];
}

const specOf = (object: UnknownObject) => (object.spec ?? {}) as SubjectAccessReviewSpec;

const userOf = ({ user, uid, groups, extra }: SubjectAccessReviewSpec): UserInfo => ({
  name: user ?? "",
  groups: groups ?? [],
  ...(uid ? { uid } : {}),
  ...(extra ? { extra } : {}),
});

/** What is asked, and what of it could not be understood and is left out. */
function attributesOf(
  { resourceAttributes, nonResourceAttributes }: SubjectAccessReviewSpec,
  user: UserInfo,
): { attributes: AuthorizationAttributes; errors: string[] } {
  if (!resourceAttributes) {
    const { verb = "", path = "" } = nonResourceAttributes ?? {};
    return { attributes: { user, verb, path }, errors: [] };
  }
  const {
    verb = "",
    group = "",
    version,
    resource = "",
    subresource = "",
    namespace = "",
    name = "",
  } = resourceAttributes;
  const errors: string[] = [];
  const read = (which: "fieldSelector" | "labelSelector", parse: (given: ResourceAttributes) => string | undefined) => {
    try {
      const text = parse(resourceAttributes);
      return text ? { [which]: text } : {};
    } catch {
      // As upstream: without the selector more is asked for than with it, so the answer stays safe.
      errors.push(`spec.resourceAttributes.${which} ignored due to parse error`);
      return {};
    }
  };
  const selectors = { ...read("fieldSelector", fieldSelectorText), ...read("labelSelector", labelSelectorText) };
  const attributes = {
    user,
    verb,
    group,
    version: version || "*",
    resource,
    subresource,
    namespace,
    name,
    ...selectors,
  };
  return { attributes, errors };
}

function fieldSelectorText({ fieldSelector }: ResourceAttributes): string | undefined {
  if (!fieldSelector?.requirements?.length)
    return fieldSelector?.rawSelector && parseFieldSelector(fieldSelector.rawSelector).toString();
  const terms = fieldSelector.requirements.map(({ key, operator, values = [] }) => {
    if (values.length !== 1 || (operator !== "In" && operator !== "NotIn")) throw new Error("not one value");
    return `${key}${operator === "In" ? "=" : "!="}${values[0]!.replace(/[\\,=]/g, "\\$&")}`;
  });
  return terms.join(",");
}

function labelSelectorText({ labelSelector }: ResourceAttributes): string | undefined {
  if (!labelSelector?.requirements?.length) return labelSelector?.rawSelector;
  return selectorOf({ matchExpressions: labelSelector.requirements }).toString();
}

function checkMetadata({ metadata = {} }: UnknownObject, namespaceAllowed: boolean): FieldError[] {
  const { managedFields, namespace, ...rest } = metadata;
  const others = Object.values(rest).some((value) => value !== undefined && value !== null);
  if (!others && (namespaceAllowed || !namespace)) return [];
  const rule = namespaceAllowed ? "must be empty except for namespace" : "must be empty";
  return [
    { type: "FieldValueInvalid", field: "metadata", message: `Invalid value: ${JSON.stringify(metadata)}: ${rule}` },
  ];
}

function checkLocal(
  { resourceAttributes, nonResourceAttributes }: SubjectAccessReviewSpec,
  namespace: string,
): FieldError[] {
  const found: FieldError[] = [];
  const add = (field: string, value: unknown, rule: string) =>
    found.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(value)}: ${rule}` });
  if (resourceAttributes && (resourceAttributes.namespace ?? "") !== namespace) {
    add("spec.resourceAttributes.namespace", resourceAttributes.namespace ?? "", "must match metadata.namespace");
  }
  if (nonResourceAttributes)
    add("spec.nonResourceAttributes", nonResourceAttributes, "disallowed on this kind of request");
  return found;
}

function refuse(problems: FieldError[]): void {
  if (problems.length === 0) return;
  // Upstream's message lacks the kind, too.
  throw invalid(
    { group: GROUP, kind: "" },
    "",
    problems.map(({ type, field, message }) => ({ reason: type, field, message })),
  );
}
