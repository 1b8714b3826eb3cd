import type { UnknownObject } from "../../api/object.ts";
import type { TableColumn } from "../../api/resource-definition.ts";
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
  rows: { cells: unknown[]; object?: unknown }[];
}

interface ColumnDefinition {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

const definitions = new WeakMap<readonly TableColumn[], ColumnDefinition[]>();

/** A table of `objects`. `now` is wall time in ms; `objectOf` gives an object in the version that was asked for. */
export function makeTable(
  objects: readonly CachedObject[],
  options: {
    columns: readonly TableColumn[];
    metaVersion: "v1" | "v1beta1";
    include: IncludeObject;
    metadata: Record<string, unknown>;
    now: number;
    objectOf: (cached: CachedObject) => UnknownObject;
    headless?: boolean;
  },
): Table {
  const { columns, include, now, metaVersion } = options;
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata: options.metadata,
    columnDefinitions: options.headless ? null : columnDefinitions(columns),
    rows: objects.map((cached) => {
      const { object } = cached;
      const cells = columns.map((column) => column.cell(object, now));
      if (include === "None") return { cells, object: null };
      return { cells, object: include === "Object" ? options.objectOf(cached) : partialObject(object, metaVersion) };
    }),
  };
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
