import type { TableColumn } from "../../api/resource-definition.ts";

/** The columns of kinds that name none. */
export const DEFAULT_COLUMNS: readonly TableColumn[] = [
  {
    name: "Name",
    type: "string",
    format: "name",
    description: "The object's name, unique in its namespace.",
    priority: 0,
    cell: (object) => object.metadata?.name ?? "",
  },
  {
    name: "Created At",
    type: "date",
    description: "When the server created the object.",
    priority: 0,
    cell: (object) => object.metadata?.creationTimestamp ?? null,
  },
];
