import { ageSince } from "../../api/age.ts";
import { JsonPathError, parseJsonPath } from "../../api/json-path.ts";
import type { UnknownObject } from "../../api/object.ts";
import { goString } from "../../api/patch/go-format.ts";
import type { TableColumn } from "../../api/resource-definition.ts";
import { nameColumn } from "../../api/resources/columns.ts";
import type { CustomResourceColumnDefinition } from "../../api/types/apiextensions.v1.ts";

const AGE: CustomResourceColumnDefinition = {
  name: "Age",
  type: "date",
  description: "Time since the object was created.",
  jsonPath: ".metadata.creationTimestamp",
};

/** The columns of a version: the name, and what the definition asks for, or else the age. */
export function customColumns(given: readonly CustomResourceColumnDefinition[] | undefined): TableColumn[] {
  const columns: TableColumn[] = [nameColumn as TableColumn];
  for (const one of given?.length ? given : [AGE]) {
    const made = customColumn(one);
    // As upstream, what can't be read ends the columns.
    if (!made) break;
    columns.push(made);
  }
  return columns;
}

function customColumn(column: CustomResourceColumnDefinition): TableColumn | undefined {
  const { name, type, format, description, priority = 0, jsonPath } = column;
  let path: ReturnType<typeof parseJsonPath>;
  try {
    path = parseJsonPath(jsonPath);
  } catch (error) {
    if (error instanceof JsonPathError) return undefined;
    throw error;
  }
  return {
    name,
    type: type as TableColumn["type"],
    ...(format ? { format } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority as 0 | 1,
    cell(object: UnknownObject, now: number) {
      const found = path(object);
      return found.length === 0 ? null : cellOf(type, found[0], now);
    },
  };
}

/** A value as upstream shows it in a column of a type; one of another type shows as nothing. */
function cellOf(type: string, value: unknown, now: number): string | number | boolean | null {
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? dateCell(value, now) : null;
    default:
      if (value === null) return "<no value>";
      return typeof value === "object" ? JSON.stringify(sorted(value)) : goString(value);
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member)]));
}

/** RFC 3339 only. */
function dateCell(text: string, now: number): string {
  if (text === "") return "<unknown>";
  const valid =
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
  return valid ? ageSince(text, now) : "<invalid>";
}
