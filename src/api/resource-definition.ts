import type { KubeObject, ResourceType, UnknownObject } from "./object.ts";
import type { UserInfo } from "./user.ts";

/**
 * Everything that is particular to one kind. The registry (apiserver/registry.ts) is one engine for all kinds and asks
 * the definition, whose functions are pure. The definitions are in resources/, a file per API group, gathered by
 * resources/index.ts; what is absent there (and for custom resources) gets the engine's ordinary behaviour.
 *
 * Objects passed in as `object` are private copies in the storage version and may be changed in place by `defaults` and
 * the `prepare` functions; `old` must not be changed.
 */
export interface ResourceDefinition<T extends KubeObject = UnknownObject> {
  readonly type: ResourceType<T>;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** The verbs served; the data's own unless given. */
  readonly verbs?: readonly string[];
  /** Sets upstream's defaults where fields are absent. Runs on every decoded request and may run twice: idempotent. */
  defaults?(object: T): void;
  /** Loads what the functions below take that is not there from the start; undefined where nothing is missing. */
  prepare?(object: T): Promise<void> | undefined;
  /** Before validation of a creation: clears what clients may not set (status). The engine sets metadata itself. */
  prepareForCreate?(object: T, context: WriteContext): void;
  /** Before validation of an update: restores what this path may not change. The engine keeps status and metadata right. */
  prepareForUpdate?(object: T, old: T, context: WriteContext): void;
  prepareForStatusUpdate?(object: T, old: T, context: WriteContext): void;
  validate?(object: T, context: WriteContext): FieldError[];
  /** In addition to `validate`, at creation only. */
  validateCreate?(object: T, context: WriteContext): FieldError[];
  /** In addition to `validate`, which runs on updates too. */
  validateUpdate?(object: T, old: T, context: WriteContext): FieldError[];
  validateStatusUpdate?(object: T, old: T, context: WriteContext): FieldError[];
  /** Warning headers for a written object. */
  warnings?(object: T, old: T | undefined): string[];
  /** How `metadata.name` is checked. Default: a DNS subdomain (RFC 1123). */
  readonly nameFormat?: NameFormat;
  /**
   * Whether the engine keeps `metadata.generation`: 1 at creation, one more whenever anything but metadata and status
   * changes. Default: true where there is a status subresource.
   */
  readonly generation?: boolean;
  /** Whether the object has a status subresource: then PUT of the object leaves status alone, and PUT of status the rest. */
  readonly hasStatus?: boolean;
  /** Whether PUT of a name that does not exist creates it. Default false. */
  readonly createOnUpdate?: boolean;
  /** Whether an update without a resource version is taken. Default true. */
  readonly unconditionalUpdate?: boolean;
  /** Field selectors beyond metadata.name and metadata.namespace: label → value ("" where absent). */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  /** Graceful deletion: seconds to wait, 0 for at once. Absent: always at once. `requested` is what the client asked. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number;
  /** What a deletion without `propagationPolicy` means. Default "Background". */
  readonly defaultPropagation?: "Background" | "Orphan";
  /** The scale subresource, as JSON paths of the object. */
  readonly scale?: ScalePaths;
  /** The columns that `kubectl get` shows. Absent: Name and Age (Created At). */
  readonly columns?: readonly TableColumn<T>[];
  /** What the row of an object says beside its cells: that a pod has completed. */
  rowConditions?(object: T): readonly RowCondition[] | undefined;
  /** Versions served beside the storage version, and how their objects convert. */
  readonly conversions?: Readonly<Record<string, Conversion>>;
  /** Milliseconds after which an object that was not written again disappears (Events: one hour). */
  readonly timeToLiveMs?: number;
}

export interface WriteContext {
  /** Wall time in ms. */
  readonly now: number;
  readonly user: UserInfo;
  /** The subresource written through, absent for the object itself. */
  readonly subresource?: string;
  /** The group and version that the request named, where that is not the stored one. */
  readonly requested?: { readonly group: string; readonly version: string };
}

export type NameFormat = "subdomain" | "label" | "service" | "path-segment" | "rbac";

export interface ScalePaths {
  /** `.spec.replicas` */
  readonly specReplicas: string;
  /** `.status.replicas` */
  readonly statusReplicas: string;
  /** The label selector, given as a LabelSelector or as a plain map. */
  readonly selector: string;
}

export interface TableColumn<T extends KubeObject = UnknownObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  /** As in OpenAPI; "name" marks the first column. */
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1;
  /** The cell; ages are given as upstream prints them ("5m", "<unknown>"). `now` is wall time in ms. */
  cell(object: T, now: number): string | number | boolean | null;
}

/** A condition of a table's row, as meta.k8s.io has it. */
export interface RowCondition {
  readonly type: "Completed";
  readonly status: "True";
  readonly reason: string;
  readonly message: string;
}

export interface Conversion {
  /** The group and version, when the group differs too (core Events and events.k8s.io). */
  readonly group?: string;
  toStorage(object: UnknownObject): UnknownObject;
  fromStorage(object: UnknownObject): UnknownObject;
}

/** One problem of a field, as upstream's field.Error: it becomes a cause of the 422. */
export interface FieldError {
  readonly type:
    | "FieldValueNotFound"
    | "FieldValueRequired"
    | "FieldValueDuplicate"
    | "FieldValueInvalid"
    | "FieldValueNotSupported"
    | "FieldValueForbidden"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "FieldValueTypeInvalid"
    | "InternalError";
  /** `spec.containers[0].image` */
  readonly field: string;
  /** The whole text after the field, as upstream words it: `Invalid value: "x": must be ...`. */
  readonly message: string;
}
