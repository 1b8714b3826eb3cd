import { localSubjectAccessReviews, namespaces } from "../../api/resource-types.ts";
import { notFound } from "../../api/status-error.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, refusal } from "./refusal.ts";

const IMMORTAL = new Set(["default", "kube-system", "kube-public"]);

/**
 * NamespaceLifecycle: nothing is written to a namespace that is not there, nothing new is made in one that is being
 * deleted, and the system's own namespaces stay.
 */
export function namespaceLifecycle({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "NamespaceLifecycle",
    handles: ({ operation }) => operation !== "CONNECT",
    async admit(attributes) {
      const { operation, name, namespace, type } = attributes;
      if (type.resource === namespaces.resource && type.group === "") {
        if (operation === "DELETE" && IMMORTAL.has(name))
          throw refusal(attributes, "this namespace may not be deleted");
        return;
      }
      if (!namespace || operation === "DELETE") return;
      // An answer would tell whether the namespace exists.
      if (concerns(attributes, localSubjectAccessReviews)) return;
      const found =
        (await lookup.get(namespaces, namespace)) ??
        (await lookup.get(namespaces, namespace, undefined, { fresh: true }));
      if (!found) throw notFound(namespaces, namespace);
      if (operation !== "CREATE" || found.status?.phase !== "Terminating") return;
      throw refusal(
        attributes,
        `unable to create new content in namespace ${namespace} because it is being terminated`,
        {
          reason: "NamespaceTerminating",
          message: `namespace ${namespace} is being terminated`,
          field: "metadata.namespace",
        },
      );
    },
  };
}
