import { selectorOf } from "../../../api/label-selector.ts";
import { apiVersionOf, type UnknownObject } from "../../../api/object.ts";
import type { ParamKind, ParamRef } from "../../../api/types/admissionregistration.v1.ts";
import type { Lookup } from "../../lookup.ts";
import type { ResourceCatalogue } from "../../resource-catalogue.ts";
import type { ServedResource } from "../../served-resource.ts";

/** The resource of a kind. Throws in upstream's words where there is none. */
export function resourceOfKind(
  { apiVersion = "", kind = "" }: ParamKind,
  catalogue: ResourceCatalogue,
): ServedResource {
  const slash = apiVersion.indexOf("/");
  const [group, version] = slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
  const found = catalogue.groupVersion(group, version)?.find(({ type }) => type.kind === kind);
  if (found) return found;
  throw new Error(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`);
}

/**
 * The parameters with which a binding uses its policy, each an object in the version of `paramKind`, or null where the
 * policy or the binding has none. Empty: the policy is not used. Throws where the binding cannot be used.
 */
export async function collectParams(
  paramKind: ParamKind | undefined,
  reference: ParamRef | undefined,
  requestNamespace: string,
  catalogue: ResourceCatalogue,
  lookup: Lookup,
): Promise<readonly (UnknownObject | null)[]> {
  if (!paramKind || !reference) return [null];
  const resource = resourceOfKind(paramKind, catalogue);
  const namespace = namespaceOfParams(resource, reference, requestNamespace);
  const found = await find(resource, reference, namespace, lookup);
  if (found.length === 0 && reference.parameterNotFoundAction === "Deny") {
    throw new Error("no params found for policy binding with `Deny` parameterNotFoundAction");
  }
  return Promise.all(found.map((object) => shown(resource, object, paramKind)));
}

function namespaceOfParams(
  { type: { namespaced } }: ServedResource,
  reference: ParamRef,
  requestNamespace: string,
): string | undefined {
  if (!namespaced) {
    if (!reference.namespace) return undefined;
    throw new Error("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  }
  const namespace = reference.namespace || requestNamespace;
  if (namespace) return namespace;
  throw new Error("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
}

async function find(
  { definition: { type } }: ServedResource,
  { name, selector }: ParamRef,
  namespace: string | undefined,
  lookup: Lookup,
): Promise<readonly UnknownObject[]> {
  if (name) {
    const object =
      (await lookup.get(type, name, namespace)) ?? (await lookup.get(type, name, namespace, { fresh: true }));
    return object ? [object] : [];
  }
  const wanted = selectorOf(selector);
  const all = await lookup.list(type, namespace === undefined ? {} : { namespace });
  return all.filter(({ metadata }) => wanted.matches(metadata?.labels));
}

async function shown(resource: ServedResource, object: UnknownObject, { kind }: ParamKind): Promise<UnknownObject> {
  return { ...(await resource.show(object)), apiVersion: apiVersionOf(resource.type), kind };
}
