import { namespaces } from "../../resource-types.ts";
import type { Namespace } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";

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
