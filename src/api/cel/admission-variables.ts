/** The variables of expressions in admission, as upstream declares them (apiserver's pkg/admission/plugin/cel/compile.go). */
import type { CelType, CelVariables } from "./cel.ts";

const strings = { list: "string" } as const;
const stringMap = { map: "string" } as const;
const object = (name: string, fields: Readonly<Record<string, CelType>>): CelType => ({
  object: `kubernetes.${name}`,
  fields,
});

const kind = object("GroupVersionKind", { group: "string", version: "string", kind: "string" });
const resource = object("GroupVersionResource", { group: "string", version: "string", resource: "string" });

/** `request`: an AdmissionRequest without its uid and objects. */
const REQUEST = object("AdmissionRequest", {
  kind,
  resource,
  subResource: "string",
  requestKind: kind,
  requestResource: resource,
  requestSubResource: "string",
  name: "string",
  namespace: "string",
  operation: "string",
  userInfo: object("UserInfo", { username: "string", uid: "string", groups: strings, extra: { map: strings } }),
  dryRun: "bool",
  options: "dyn",
});

/** `namespaceObject`: without owners and managed fields. */
const NAMESPACE = object("Namespace", {
  metadata: object("NamespaceMetadata", {
    name: "string",
    generateName: "string",
    namespace: "string",
    labels: stringMap,
    annotations: stringMap,
    UID: "string",
    creationTimestamp: "timestamp",
    deletionGracePeriodSeconds: "int",
    deletionTimestamp: "timestamp",
    generation: "int",
    resourceVersion: "string",
    finalizers: strings,
  }),
  spec: object("NamespaceSpec", { finalizers: strings }),
  status: object("NamespaceStatus", {
    conditions: {
      list: object("NamespaceCondition", {
        status: "string",
        type: "string",
        lastTransitionTime: "timestamp",
        message: "string",
        reason: "string",
      }),
    },
    phase: "string",
  }),
});

export interface AdmissionVariables {
  readonly params: boolean;
  readonly authorizer: boolean;
  /** The types of `object` and `oldObject`, and of `params`; dyn unless they are known. */
  readonly objectType?: CelType;
  readonly paramsType?: CelType;
}

const untyped = new Map<string, CelVariables>();

/** The same object for the same choice, by which programs are cached; a new one where types are given. */
export function admissionVariables(choice: AdmissionVariables): CelVariables {
  const { params, authorizer, objectType, paramsType } = choice;
  if (objectType || paramsType) return declare(choice);
  const key = `${params} ${authorizer}`;
  let variables = untyped.get(key);
  if (!variables) {
    variables = declare(choice);
    untyped.set(key, variables);
  }
  return variables;
}

function declare({ params, authorizer, objectType, paramsType }: AdmissionVariables): CelVariables {
  return {
    object: objectType ?? "dyn",
    oldObject: objectType ?? "dyn",
    namespaceObject: NAMESPACE,
    request: REQUEST,
    ...(params ? { params: paramsType ?? "dyn" } : {}),
    ...(authorizer ? { authorizer: "authorizer", "authorizer.requestResource": "resourceCheck" } : {}),
  };
}
