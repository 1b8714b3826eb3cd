import type { CelProgram, CelType } from "../../api/cel/cel.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { at, child, duplicate, invalid, required } from "../../api/resources/field-errors.ts";

const MAX_CONDITIONS = 64;

const selector: CelType = {
  object: "kubernetes.SelectorAttributes",
  fields: {
    rawSelector: "string",
    requirements: {
      list: {
        object: "kubernetes.SelectorRequirement",
        fields: { key: "string", operator: "string", values: { list: "string" } },
      },
    },
  },
};

/** The spec of a SubjectAccessReview of authorization.k8s.io/v1, as conditions see it. */
const request: CelType = {
  object: "kubernetes.SubjectAccessReviewSpec",
  fields: {
    resourceAttributes: {
      object: "kubernetes.ResourceAttributes",
      fields: {
        namespace: "string",
        verb: "string",
        group: "string",
        version: "string",
        resource: "string",
        subresource: "string",
        name: "string",
        fieldSelector: selector,
        labelSelector: selector,
      },
    },
    nonResourceAttributes: {
      object: "kubernetes.NonResourceAttributes",
      fields: { path: "string", verb: "string" },
    },
    user: "string",
    groups: { list: "string" },
    extra: { map: { list: "string" } },
    uid: "string",
  },
};

/** Compiles the conditions under which an authorization webhook is asked; what is wrong with them goes to `problems`. */
export async function compileConditions(
  conditions: readonly { readonly expression?: string }[],
  path: string,
  problems: FieldError[],
): Promise<CelProgram[]> {
  if (conditions.length === 0) return [];
  if (conditions.length > MAX_CONDITIONS) {
    const message = `Too many: ${conditions.length}: must have at most ${MAX_CONDITIONS} items`;
    problems.push({ type: "FieldValueTooMany", field: path, message });
    return [];
  }
  // Only configurations with conditions pay for the language.
  const { compileCel, CelError } = await import("../../api/cel/cel.ts");
  const seen = new Set<string>();
  const compiled: CelProgram[] = [];
  for (const [index, { expression = "" }] of conditions.entries()) {
    const field = child(at(path, index), "expression");
    if (expression.trim() === "") problems.push(required(field));
    else if (seen.has(expression)) problems.push(duplicate(field, expression));
    else {
      seen.add(expression);
      try {
        compiled.push(compileCel(expression, { request }, { resultTypes: ["bool"] }));
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        const { message } = error;
        const detail = message.startsWith("must evaluate") ? message : `compilation failed: ${message}`;
        problems.push(invalid(field, expression, detail));
      }
    }
  }
  return compiled;
}
