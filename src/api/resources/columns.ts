import { ageSince } from "../age.ts";
import { formatSelector, SelectorError } from "../label-selector.ts";
import type { KubeObject } from "../object.ts";
import type { TableColumn } from "../resource-definition.ts";
import type { PodTemplateSpec } from "../types/core.v1.ts";
import type { LabelSelector } from "../types/meta.v1.ts";

type Cell = string | number | boolean | null;

/** A column that is always shown. */
export function column<T extends KubeObject>(
  name: string,
  description: string,
  cell: (object: T, now: number) => Cell,
  type: TableColumn["type"] = "string",
): TableColumn<T> {
  return { name, type, description, priority: 0, cell };
}

/** A column that only `-o wide` shows. */
export function wideColumn<T extends KubeObject>(
  name: string,
  description: string,
  cell: (object: T, now: number) => Cell,
  type: TableColumn["type"] = "string",
): TableColumn<T> {
  return { name, type, description, priority: 1, cell };
}

export const nameColumn: TableColumn<KubeObject> = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name of the object, unique within its namespace.",
  priority: 0,
  cell: (object) => object.metadata?.name ?? "",
};

export const ageColumn: TableColumn<KubeObject> = column("Age", "Time since the object was created.", (object, now) =>
  ageSince(object.metadata?.creationTimestamp, now),
);

/** Names and images of a template's containers, as the wide output of every workload shows them. */
export function containerColumns<T extends KubeObject>(
  template: (object: T) => PodTemplateSpec | undefined,
): TableColumn<T>[] {
  const join = (object: T, field: "name" | "image") =>
    (template(object)?.spec?.containers ?? []).map((container) => container[field] ?? "").join(",");
  return [
    wideColumn("Containers", "Names of each container in the template.", (object) => join(object, "name")),
    wideColumn("Images", "Images referenced by each container in the template.", (object) => join(object, "image")),
  ];
}

/** `a=1,b=2` in order of the keys; `<none>` where there are none. */
export function formatLabels(labels: Record<string, string> | undefined): string {
  const keys = Object.keys(labels ?? {}).sort();
  return keys.length === 0 ? "<none>" : keys.map((key) => `${key}=${labels![key]}`).join(",");
}

/** The text of a selector, or what upstream shows in its place: `<none>`, `<error>`. */
export function selectorText(selector: LabelSelector | undefined): string {
  try {
    return formatSelector(selector);
  } catch (error) {
    if (error instanceof SelectorError) return "<error>";
    throw error;
  }
}

/** The first `limit` of a list, and how many more there are. */
export function listWithMore(shown: readonly string[], count: number, limit: number): string {
  const text = shown.slice(0, limit).join(",");
  return count > limit ? `${text} + ${count - limit} more...` : text;
}
