import type { KubeObject, ResourceType } from "../api/object.ts";
import type { CustomResourceDefinition, JSONSchemaProps } from "../api/types/apiextensions.v1.ts";

/** A structural schema, as far as types are read from it; written `as const`. */
export interface SchemaShape {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly properties?: Readonly<Record<string, SchemaShape>>;
  readonly required?: readonly string[];
  readonly items?: SchemaShape;
  readonly additionalProperties?: SchemaShape | boolean;
  readonly enum?: readonly unknown[];
  readonly nullable?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly [keyword: string]: unknown;
}

/** The type of the values that a schema allows. */
export type ValueOf<S extends SchemaShape> = S["nullable"] extends true ? PlainValue<S> | null : PlainValue<S>;
type PlainValue<S extends SchemaShape> = S["enum"] extends readonly (infer E)[]
  ? E
  : S["x-kubernetes-int-or-string"] extends true
    ? number | string
    : S["type"] extends "string"
      ? string
      : S["type"] extends "integer" | "number"
        ? number
        : S["type"] extends "boolean"
          ? boolean
          : S["type"] extends "array"
            ? ItemsOf<S>[]
            : S["type"] extends "object"
              ? MembersOf<S>
              : unknown;
type ItemsOf<S extends SchemaShape> = S["items"] extends SchemaShape ? ValueOf<S["items"]> : unknown;
type MembersOf<S extends SchemaShape> =
  S["properties"] extends Readonly<Record<string, SchemaShape>>
    ? {
        [K in keyof S["properties"] as K extends RequiredOf<S> ? K : never]: ValueOf<S["properties"][K]>;
      } & {
        [K in keyof S["properties"] as K extends RequiredOf<S> ? never : K]?: ValueOf<S["properties"][K]>;
      }
    : S["additionalProperties"] extends SchemaShape
      ? Record<string, ValueOf<S["additionalProperties"]>>
      : Record<string, unknown>;
type RequiredOf<S extends SchemaShape> = S["required"] extends readonly (infer R)[] ? R : never;

/** The objects of a custom resource whose `spec` and `status` have these schemas. */
export interface CustomObject<Spec extends SchemaShape, Status extends SchemaShape> extends KubeObject {
  spec: ValueOf<Spec>;
  status?: Partial<ValueOf<Status>>;
}

export interface CustomResourceOptions<Spec extends SchemaShape, Status extends SchemaShape> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Default: the kind in lower case with an s. */
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  /** Default: Namespaced. */
  readonly scope?: "Namespaced" | "Cluster";
  readonly spec: Spec;
  /** With it the resource has a status subresource. */
  readonly status?: Status;
  /** What `kubectl get` shows. */
  readonly columns?: readonly { readonly name: string; readonly type: string; readonly jsonPath: string }[];
}

/** A kind of one's own: its resource, for clients and reconcilers, and its definition, for the cluster. */
export interface CustomResource<T extends KubeObject> extends ResourceType<T> {
  readonly definition: CustomResourceDefinition;
}

/** Defines a kind once, for TypeScript and for the cluster: the types are read from the schemas. */
export function customResource<const Spec extends SchemaShape, const Status extends SchemaShape = Record<never, never>>(
  options: CustomResourceOptions<Spec, Status>,
): CustomResource<CustomObject<Spec, Status>> {
  const { group, version, kind, scope = "Namespaced", plural = `${kind.toLowerCase()}s` } = options;
  const properties = {
    spec: options.spec as unknown as JSONSchemaProps,
    ...(options.status ? { status: options.status as unknown as JSONSchemaProps } : {}),
  };
  return {
    group,
    version,
    resource: plural,
    kind,
    namespaced: scope === "Namespaced",
    definition: {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope,
        names: {
          plural,
          singular: kind.toLowerCase(),
          kind,
          listKind: `${kind}List`,
          ...(options.shortNames ? { shortNames: [...options.shortNames] } : {}),
        },
        versions: [
          {
            name: version,
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", required: ["spec"], properties } },
            ...(options.status ? { subresources: { status: {} } } : {}),
            ...(options.columns ? { additionalPrinterColumns: options.columns.map((column) => ({ ...column })) } : {}),
          },
        ],
      },
    },
  };
}
