import type { Selector } from "../../../api/label-selector.ts";
import { namespaces } from "../../../api/resource-types.ts";
import { notFound } from "../../../api/status-error.ts";
import type { Lookup } from "../../lookup.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { isNamespaces, namespaceOf } from "./rules.ts";

/**
 * Whether the namespace of a write is selected. Cluster-scoped resources always are; a Namespace that is created or
 * updated is judged by its new labels. Throws a 404 where there is no such namespace.
 */
export async function matchesNamespace(
  selector: Selector,
  attributes: AdmissionAttributes,
  lookup: Lookup,
): Promise<boolean> {
  const { type, operation, subresource, object } = attributes;
  const name = namespaceOf(attributes);
  if (name === "" && !isNamespaces(type)) return true;
  if (selector.empty) return true;
  if (isNamespaces(type) && !subresource && (operation === "CREATE" || operation === "UPDATE")) {
    return selector.matches(object?.metadata?.labels);
  }
  const namespace =
    (await lookup.get(namespaces, name)) ?? (await lookup.get(namespaces, name, undefined, { fresh: true }));
  if (!namespace) throw notFound({ resource: "namespaces" }, name);
  return selector.matches(namespace.metadata?.labels);
}

/** Whether the object, as it is or as it is to be, is selected. */
export function matchesObject(selector: Selector, { object, oldObject }: AdmissionAttributes): boolean {
  if (selector.empty) return true;
  return [object, oldObject].some((one) => one !== undefined && selector.matches(one.metadata?.labels));
}
