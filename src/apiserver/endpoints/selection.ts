import { FieldSelectorError, parseFieldSelector } from "../../api/field-selector.ts";
import { parseLabelSelector, SelectorError } from "../../api/label-selector.ts";
import { badRequest } from "../../api/status-error.ts";
import type { ServedResource } from "../served-resource.ts";
import type { Selection } from "../watch-cache/watch-cache.ts";
import type { ResourceRequest } from "./resource-request.ts";

const METADATA_FIELDS = ["metadata.name", "metadata.namespace"];

/** The objects that the query of a list, watch or deletion selects. Throws a 400 for a selector that makes no sense. */
export function selectionOf({ context, resource, namespace, name }: ResourceRequest): Selection {
  const { query } = context.request;
  const labelText = query.get("labelSelector");
  const fieldText = query.get("fieldSelector");
  const selection: Selection = {};
  if (namespace !== "") selection.namespace = namespace;
  if (name !== "") selection.name = name;
  try {
    const labels = labelText ? parseLabelSelector(labelText) : undefined;
    const fields = fieldText ? parseFieldSelector(fieldText) : undefined;
    if (fields) checkFields(resource, fields.requirements);
    const byLabels = labels && !labels.empty ? labels : undefined;
    const byFields = fields && !fields.empty ? fields : undefined;
    if (byFields) {
      const wantedName = byFields.exactValue("metadata.name");
      const wantedNamespace = byFields.exactValue("metadata.namespace");
      const exact: Record<string, string> = {};
      for (const { field, operator, value } of byFields.requirements) {
        if (operator === "=" && !METADATA_FIELDS.includes(field)) exact[field] = value;
      }
      if (Object.keys(exact).length > 0) selection.exact = exact;
      if (wantedName !== undefined) selection.name ??= wantedName;
      if (wantedNamespace !== undefined) selection.namespace ??= wantedNamespace;
    }
    if (byLabels || byFields) {
      selection.matches = (attributes) =>
        (!byLabels || byLabels.matches(attributes.labels)) &&
        (!byFields || byFields.matches((field) => attributes.fields[field] ?? ""));
    }
  } catch (error) {
    if (error instanceof SelectorError || error instanceof FieldSelectorError) throw badRequest(error.message);
    throw error;
  }
  return selection;
}

/** Upstream words the refusal anew for some kinds. */
const REFUSALS: Readonly<Record<string, (field: string, apiVersion: string) => string>> = {
  "jobs.batch": (field) => `field label ${JSON.stringify(field)} not supported for Job`,
  "resourceslices.resource.k8s.io": (field, apiVersion) =>
    `field label not supported for ${apiVersion}, Kind=ResourceSlice: ${field}`,
};

function checkFields(
  { definition, type, apiVersion }: ServedResource,
  requirements: readonly { field: string }[],
): void {
  for (const { field } of requirements) {
    if (METADATA_FIELDS.includes(field)) continue;
    if (!definition.selectableFields) {
      throw badRequest(
        `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
      );
    }
    if (Object.hasOwn(definition.selectableFields, field)) continue;
    const refusal = REFUSALS[`${type.resource}.${type.group}`];
    throw badRequest(refusal ? refusal(field, apiVersion) : `field label not supported: ${field}`);
  }
}
