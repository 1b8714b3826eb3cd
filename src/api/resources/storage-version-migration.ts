import { semanticEqual } from "../json-equal.ts";
import { checkDnsSubdomain, checkServiceName } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { storageVersionMigrations } from "../resource-types.ts";
import type { StorageVersionMigration } from "../types/storagemigration.v1beta1.ts";
import { column, nameColumn } from "./columns.ts";
import { validateConditions } from "./condition-checks.ts";
import { define } from "./define.ts";
import { invalid, required } from "./field-errors.ts";
import { IMMUTABLE } from "./value-checks.ts";

const STATES = ["Running", "Failed", "Succeeded"];
const CONDITIONS = "status.conditions";

/** Writes all objects of a resource anew, so that they are stored in today's version (KEP-4192). */
export const storageVersionMigration = define<StorageVersionMigration>({
  type: storageVersionMigrations,
  singular: "storageversionmigration",
  hasStatus: true,
  generation: false,
  unconditionalUpdate: false,
  columns: [
    { ...nameColumn, format: "" },
    column("Resource", "Resource that is written anew.", ({ spec }) => {
      const { group, resource = "" } = spec?.resource ?? {};
      return group ? `${resource}.${group}` : resource;
    }),
    column("Status", "How far it is.", ({ status }) => {
      const met = (status?.conditions ?? []).filter((one) => one.status === "True" && STATES.includes(one.type));
      return met.at(-1)?.type ?? "Unknown";
    }),
  ],
  defaults(migration) {
    migration.spec ??= { resource: { group: "", resource: "" } };
    migration.status ??= {};
  },
  prepareForCreate(migration) {
    migration.status = {};
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { resource = "", group = "" } = spec?.resource ?? {};
    const problems = resource === "" ? [] : checkServiceName(resource);
    if (resource === "") errors.push(required("spec.resource.resource", "resource is required to be set"));
    if (problems.length > 0) errors.push(invalid("spec.resource.resource", resource, problems.join(",")));
    const groupProblems = group === "" ? [] : checkDnsSubdomain(group);
    if (groupProblems.length > 0) errors.push(invalid("spec.resource.group", group, groupProblems.join(",")));
    return errors;
  },
  validateUpdate({ spec }, old) {
    return semanticEqual(spec, old.spec) ? [] : [invalid("spec", spec, IMMUTABLE)];
  },
  validateStatusUpdate(migration, old) {
    const errors: FieldError[] = [];
    const { resourceVersion = "", conditions } = migration.status ?? {};
    const path = "status.resourceVersion";
    if (resourceVersion !== "" && !/^[1-9][0-9]*$/.test(resourceVersion)) {
      errors.push(invalid(path, resourceVersion, `resource version is not well formed: ${resourceVersion}`));
    }
    errors.push(...validateConditions(conditions, CONDITIONS));
    const before = old.status?.resourceVersion;
    if (before && before !== resourceVersion) errors.push(invalid(path, resourceVersion, IMMUTABLE));
    const refuse = (detail: string) => errors.push(invalid(CONDITIONS, conditions ?? null, detail));
    if (has(migration, "Succeeded") && has(migration, "Failed")) {
      refuse("Both success and failed conditions cannot be true at the same time");
    }
    if (has(old, "Succeeded") && !has(migration, "Succeeded")) {
      refuse("Success condition cannot be set to false once it is true");
    }
    if (has(old, "Failed") && !has(migration, "Failed")) {
      refuse("Failed condition cannot be set to false once it is true");
    }
    return errors;
  },
});

function has({ status }: StorageVersionMigration, type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
}
