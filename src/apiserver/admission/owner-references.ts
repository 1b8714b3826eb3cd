import { jsonEqual } from "../../api/json-equal.ts";
import { apiVersionOf, parseApiVersion } from "../../api/object.ts";
import type { OwnerReference } from "../../api/types/meta.v1.ts";
import type { Authorizer } from "../authorization.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { refusal } from "./refusal.ts";

/**
 * OwnerReferencesPermissionEnforcement: who may not delete an object can't have it deleted by naming an owner; and who may
 * not set an owner's finalizers can't hold up its deletion.
 */
export function ownerReferencesPermissionEnforcement(options: {
  authorizer: Authorizer;
  catalogue: ResourceCatalogue;
}): AdmissionPlugin {
  const { authorizer, catalogue } = options;

  const checkDelete = async (attributes: AdmissionAttributes) => {
    const { user, type, namespace = "", name, subresource } = attributes;
    const { group, version, resource } = type;
    const { decision, reason } = await authorizer.authorize({
      user,
      verb: "delete",
      group,
      version,
      resource,
      ...(subresource ? { subresource } : {}),
      namespace,
      name,
    });
    if (decision === "allow") return;
    throw refusal(attributes, `cannot set an ownerRef on a resource you can't delete: ${reason ?? ""}, <nil>`);
  };

  const checkFinalizers = async (attributes: AdmissionAttributes, owner: OwnerReference) => {
    const { group, version } = parseApiVersion(owner.apiVersion);
    const known = catalogue.all.filter(
      ({ type }) => type.kind === owner.kind && apiVersionOf(type) === apiVersionOf({ group, version }),
    );
    if (known.length === 0) {
      throw refusal(
        attributes,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`,
      );
    }
    for (const { type } of known) {
      const { decision, reason } = await authorizer.authorize({
        user: attributes.user,
        verb: "update",
        group,
        version,
        resource: type.resource,
        subresource: "finalizers",
        namespace: type.namespaced ? (attributes.namespace ?? "") : "",
        name: owner.name,
      });
      if (decision === "allow") continue;
      throw refusal(
        attributes,
        `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason ?? ""}, <nil>`,
      );
    }
  };

  return {
    name: "OwnerReferencesPermissionEnforcement",
    handles: ({ operation, type, subresource, object }) => {
      if (operation !== "CREATE" && operation !== "UPDATE") return false;
      // As upstream: bindings and evictions are of kinds that have no owners of their own.
      if (type.group === "" && type.resource === "pods" && (subresource === "binding" || subresource === "eviction")) {
        return false;
      }
      return object !== undefined;
    },
    async validate(attributes) {
      const after = attributes.object?.metadata?.ownerReferences ?? [];
      const before = attributes.oldObject?.metadata?.ownerReferences ?? [];
      if (jsonEqual(after, before)) return;
      await checkDelete(attributes);
      const blocked = new Set(before.filter(({ blockOwnerDeletion }) => blockOwnerDeletion).map(({ uid }) => uid));
      for (const owner of after) {
        if (owner.blockOwnerDeletion && !blocked.has(owner.uid)) await checkFinalizers(attributes, owner);
      }
    },
  };
}
