import { controllerOf } from "../../controller-ref.ts";
import { jsonEqual } from "../../json-equal.ts";
import { parseApiVersion } from "../../object.ts";
import type { FieldError } from "../../resource-definition.ts";
import { controllerRevisions } from "../../resource-types.ts";
import type { ControllerRevision } from "../../types/apps.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { invalid, required } from "../field-errors.ts";
import { IMMUTABLE, validateNonNegative } from "../value-checks.ts";

export const controllerRevision = define<ControllerRevision>({
  type: controllerRevisions,
  singular: "controllerrevision",
  validate({ data, revision }) {
    const errors: FieldError[] = [];
    if (data == null) errors.push(required("data", "data is mandatory"));
    else if (typeof data !== "object" || Array.isArray(data)) {
      errors.push(invalid("data", "<value omitted>", "must be a valid JSON object"));
    }
    validateNonNegative(revision, "revision", errors);
    return errors;
  },
  validateUpdate(object, old) {
    return jsonEqual(object.data, old.data) ? [] : [invalid("data", object.data, IMMUTABLE)];
  },
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
