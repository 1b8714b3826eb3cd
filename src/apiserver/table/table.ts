import type { UnknownObject } from "../../api/object.ts";
import type { ResourceDefinition, RowCondition, TableColumn } from "../../api/resource-definition.ts";
import type { CachedObject } from "../watch-cache/watch-cache.ts";

/** What a row carries beside its cells: `?includeObject=`. */
export type IncludeObject = "None" | "Metadata" | "Object";

/** meta.k8s.io Table: how kubectl gets what it prints. */
export interface Table {
  kind: "Table";
  apiVersion: string;
  metadata: Record<string, unknown>;
  /** Null in a watch, after the first event. */
  columnDefinitions: ColumnDefinition[] | null;
  rows: { cells: unknown[]; conditions?: readonly RowCondition[]; object?: unknown }[];
}

interface ColumnDefinition {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

const definitions = new WeakMap<readonly TableColumn[], ColumnDefinition[]>();

export interface TableOptions {
  columns: readonly TableColumn[];
  conditions?: ResourceDefinition["rowConditions"];
  metaVersion: "v1" | "v1beta1";
  include: IncludeObject;
  /** Wall time in ms, for ages. */
  now: number;
}

/** A table of `objects`; `objectOf` gives an object in the version that was asked for. */
export function makeTable(
  objects: readonly CachedObject[],
  options: TableOptions & {
    metadata: Record<string, unknown>;
    objectOf: (cached: CachedObject) => UnknownObject;
    headless?: boolean;
  },
): Table {
  const head = tableHead(options);
  return {
    ...head,
    columnDefinitions: options.headless ? null : head.columnDefinitions,
    rows: objects.map((cached) => tableRow(cached.object, options.objectOf(cached), options)),
  };
}

/** A table without its rows, which come last. */
export function tableHead({
  columns,
  metaVersion,
  metadata,
}: Pick<TableOptions, "columns" | "metaVersion"> & { metadata: Record<string, unknown> }): Table {
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata,
    columnDefinitions: columnDefinitions(columns),
    rows: [],
  };
}

/** The row of an object, which `shown` is in the version that was asked for. */
export function tableRow(object: UnknownObject, shown: UnknownObject, options: TableOptions): Table["rows"][number] {
  const { columns, include, now, metaVersion } = options;
  const cells = columns.map((column) => column.cell(object, now));
  const conditions = options.conditions?.(object);
  const row = conditions ? { cells, conditions } : { cells };
  if (include === "None") return { ...row, object: null };
  return { ...row, object: include === "Object" ? shown : partialObject(object, metaVersion) };
}

function columnDefinitions(columns: readonly TableColumn[]): ColumnDefinition[] {
  let made = definitions.get(columns);
  if (!made) {
    made = columns.map(({ name, type, format = "", description, priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    }));
    definitions.set(columns, made);
  }
  return made;
}

/** PartialObjectMetadata: an object's metadata alone. */
export function partialObject(object: UnknownObject, metaVersion: "v1" | "v1beta1"): UnknownObject {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata: object.metadata,
  };
}
