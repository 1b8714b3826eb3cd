import { namespaces } from "../../resource-types.ts";
import type { Namespace } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const namespace = define<Namespace>({
  type: namespaces,
  singular: "namespace",
  shortNames: ["ns"],
  hasStatus: true,
  generation: false,
  nameFormat: "label",
  selectableFields: {
    "status.phase": (namespace) => namespace.status?.phase ?? "",
    name: (namespace) => namespace.metadata?.name ?? "",
  },
});
