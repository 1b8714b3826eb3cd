import type { FieldError } from "../../api/resource-definition.ts";
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  SubjectAccessReviewSpec,
} from "../../api/types/authorization.v1.ts";

/** What is wrong with the question of an access review; `self` where it names no user. */
export function checkSpec(spec: SubjectAccessReviewSpec, { self }: { self: boolean }): FieldError[] {
  const found: FieldError[] = [];
  const add = (field: string, value: unknown, rule: string) =>
    found.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(value)}: ${rule}` });
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (resourceAttributes && nonResourceAttributes) {
    const rule = "cannot be specified in combination with resourceAttributes";
    add("spec.nonResourceAttributes", nonResourceAttributes, rule);
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    const rule = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    add("spec.resourceAttributes", "null", rule);
  }
  if (!self && !spec.user && !spec.groups?.length)
    add("spec.user", "", "at least one of user or group must be specified");
  found.push(...checkSelector(resourceAttributes?.fieldSelector, "spec.resourceAttributes.fieldSelector"));
  found.push(...checkSelector(resourceAttributes?.labelSelector, "spec.resourceAttributes.labelSelector"));
  return found;
}

function checkSelector(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  field: string,
): FieldError[] {
  if (!selector) return [];
  const { rawSelector, requirements } = selector;
  if (rawSelector && requirements?.length) {
    const message = `Invalid value: ${JSON.stringify(rawSelector)}: may not specified at the same time as requirements`;
    return [{ type: "FieldValueInvalid", field: `${field}.rawSelector`, message }];
  }
  if (rawSelector) return [];
  const found: FieldError[] = [];
  const required = (at: string, rule: string) =>
    found.push({ type: "FieldValueRequired", field: at, message: `Required value: ${rule}` });
  if (!requirements?.length) {
    required(`${field}.requirements`, `when ${field} is specified, requirements or rawSelector is required`);
  }
  requirements?.forEach(({ key, operator, values }, index) => {
    const at = `${field}.requirements[${index}]`;
    if (!key) required(`${at}.key`, "must be specified");
    if ((operator === "In" || operator === "NotIn") && !values?.length) {
      required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    }
    if ((operator === "Exists" || operator === "DoesNotExist") && values?.length) {
      const message = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      found.push({ type: "FieldValueForbidden", field: `${at}.values`, message });
    }
  });
  return found;
}
