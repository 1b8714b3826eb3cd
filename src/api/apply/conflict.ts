import { applyConflict, type StatusError } from "../status-error.ts";
import { type FieldSet, formatPath, pathsOf } from "./field-set.ts";
import { type Manager, managerId } from "./managed-fields.ts";

/** Fields that an application would change and that another manager owns. */
export interface Conflict {
  readonly manager: Manager;
  readonly fields: FieldSet;
}

/** The 409 for conflicts, one cause per field, in upstream's words. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const byManager = conflicts
    .map(({ manager, fields }) => ({
      id: managerId(manager),
      name: describe(manager),
      paths: [...pathsOf(fields)].map(formatPath),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const causes = byManager.flatMap(({ name, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${name}`, field })),
  );
  if (causes.length === 1) {
    const [{ message, field }] = causes as [(typeof causes)[number]];
    return applyConflict(causes, `Apply failed with 1 conflict: ${message}: ${field}`);
  }
  const lines = byManager.flatMap(({ name, paths }) => [
    `conflicts with ${name}:`,
    ...paths.map((path) => `- ${path}`),
  ]);
  return applyConflict(causes, `Apply failed with ${causes.length} conflicts: ${lines.join("\n")}`);
}

function describe({ manager, operation, apiVersion, subresource }: Manager): string {
  const through = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${through}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}
