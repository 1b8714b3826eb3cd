import { controllerOf } from "../../controller-ref.ts";
import { parseApiVersion } from "../../object.ts";
import { controllerRevisions } from "../../resource-types.ts";
import type { ControllerRevision } from "../../types/apps.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";

export const controllerRevision = define<ControllerRevision>({
  type: controllerRevisions,
  singular: "controllerrevision",
  columns: [
    nameColumn,
    column("Controller", "Controller of the object.", (revision) => {
      const owner = controllerOf(revision);
      if (!owner) return "<none>";
      const { group } = parseApiVersion(owner.apiVersion);
      return `${(group ? `${owner.kind}.${group}` : owner.kind).toLowerCase()}/${owner.name}`;
    }),
    column("Revision", "Number of the revision that the data is of.", ({ revision }) => revision ?? 0),
    ageColumn,
  ],
});
