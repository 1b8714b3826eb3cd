import { checkQualifiedName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { namespaces } from "../../resource-types.ts";
import type { Namespace } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { at, invalid } from "../field-errors.ts";
import { addProblems } from "../value-checks.ts";

const NAME_LABEL = "kubernetes.io/metadata.name";

export const namespace = define<Namespace>({
  type: namespaces,
  singular: "namespace",
  shortNames: ["ns"],
  hasStatus: true,
  generation: false,
  nameFormat: "label",
  defaults(namespace) {
    namespace.spec ??= {};
    namespace.status ??= {};
    namespace.status.phase ||= "Active";
    label(namespace);
  },
  prepareForCreate(namespace) {
    label(namespace);
    namespace.status = { phase: "Active" };
    const finalizers = namespace.spec?.finalizers ?? [];
    if (!finalizers.includes("kubernetes"))
      namespace.spec = { ...namespace.spec, finalizers: [...finalizers, "kubernetes"] };
  },
  prepareForUpdate(namespace, old, { subresource }) {
    label(namespace);
    namespace.status = old.status;
    // Only the finalize subresource takes finalizers away.
    if (subresource !== "finalize") namespace.spec = old.spec;
  },
  columns: [
    nameColumn,
    column("Status", "The status of the namespace.", (namespace) => namespace.status?.phase ?? ""),
    ageColumn,
  ],
  validateCreate: ({ spec }) => validateFinalizers(spec?.finalizers, () => "spec.finalizers"),
  validateUpdate({ spec }, _old, { subresource }) {
    if (subresource !== "finalize") return [];
    return validateFinalizers(spec?.finalizers, (index) => at("spec.finalizers", index));
  },
  validateStatusUpdate({ metadata, status }) {
    const phase = status?.phase ?? "";
    if (!metadata?.deletionTimestamp) {
      if (phase === "Active") return [];
      return [invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")];
    }
    if (phase === "Terminating") return [];
    return [invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
  },
  selectableFields: {
    "status.phase": (namespace) => namespace.status?.phase ?? "",
    name: (namespace) => namespace.metadata?.name ?? "",
  },
});

/** Every namespace carries its name as a label, so that selectors can name it. */
function label(namespace: Namespace): void {
  const name = namespace.metadata?.name;
  if (!name || namespace.metadata!.labels?.[NAME_LABEL] === name) return;
  namespace.metadata!.labels = { ...namespace.metadata!.labels, [NAME_LABEL]: name };
}

const STANDARD_FINALIZERS = ["kubernetes", "orphan", "foregroundDeletion"];

function validateFinalizers(finalizers: string[] | undefined, path: (index: number) => string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, name] of (finalizers ?? []).entries()) {
    addProblems(checkQualifiedName(name), path(index), name, errors);
    if (name.includes("/") || STANDARD_FINALIZERS.includes(name)) continue;
    const detail = "name is neither a standard finalizer name nor is it fully qualified";
    errors.push(invalid(path(index), name, detail));
  }
  return errors;
}
