import type { ResourceType, UnknownObject } from "../../../api/object.ts";
import type { AdmissionAttributes, ObjectKind } from "../admission.ts";
import { namespaceOf } from "./rules.ts";

const OPTIONS = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions", CONNECT: undefined };
/** Fields of PatchOptions that UpdateOptions doesn't have. */
const ONLY_OF_PATCHES = new Set(["kind", "apiVersion", "force"]);

/** What the objects are shown as. */
export interface ShownAs {
  readonly kind: ObjectKind;
  readonly resource: Pick<ResourceType, "group" | "version" | "resource">;
}

/** An AdmissionRequest without its uid and objects: the variable `request` of expressions, and the bulk of a review. */
export function requestVariable(attributes: AdmissionAttributes, shown: ShownAs): Record<string, unknown> {
  const { type, requested = type, kind, subresource, name, operation, user, dryRun } = attributes;
  const namespace = namespaceOf(attributes);
  return {
    kind: kindFields(shown.kind),
    resource: resourceFields(shown.resource),
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: kindFields(kind ?? requested),
    requestResource: resourceFields(requested),
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(name ? { name } : {}),
    ...(namespace ? { namespace } : {}),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      ...(user.groups.length > 0 ? { groups: user.groups } : {}),
      ...(user.extra && Object.keys(user.extra).length > 0 ? { extra: user.extra } : {}),
    },
    dryRun,
    options: shownOptions(operation, attributes.options),
  };
}

const kindFields = ({ group, version, kind }: ObjectKind) => ({ group, version, kind });
const resourceFields = ({ group, version, resource }: ShownAs["resource"]) => ({ group, version, resource });

/** As upstream shows them: those of a patch are UpdateOptions, and a connection has none. */
function shownOptions(operation: AdmissionAttributes["operation"], options: UnknownObject): object | null {
  const kind = OPTIONS[operation];
  if (!kind) return null;
  const fields = Object.entries(options).filter(([name]) => !ONLY_OF_PATCHES.has(name));
  return { kind, apiVersion: "meta.k8s.io/v1", ...Object.fromEntries(fields) };
}
