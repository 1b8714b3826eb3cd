/** Pods that are scheduled together, and the workloads that say how (KEP-4671). */
import { semanticEqual } from "../json-equal.ts";
import { checkDnsLabel, checkDnsSubdomain, checkPathSegment } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { podGroups, workloads } from "../resource-types.ts";
import type { PodGroup, PodGroupSchedulingPolicy, Workload } from "../types/scheduling.v1alpha2.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { validateConditions } from "./condition-checks.ts";
import { define } from "./define.ts";
import { at, child, duplicate, invalid, required, tooMany } from "./field-errors.ts";
import { addProblems, IMMUTABLE } from "./value-checks.ts";

const MAX_TEMPLATES = 8;

export const workload = define<Workload>({
  type: workloads,
  singular: "workload",
  columns: [nameColumn, ageColumn],
  generation: true,
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { apiGroup, kind, name } = spec?.controllerRef ?? {};
    if (spec?.controllerRef) {
      const path = "spec.controllerRef";
      if (apiGroup) addProblems(checkDnsSubdomain(apiGroup), child(path, "apiGroup"), apiGroup, errors);
      validateSegment(kind, child(path, "kind"), errors);
      validateSegment(name, child(path, "name"), errors);
    }
    const path = "spec.podGroupTemplates";
    const templates = spec?.podGroupTemplates ?? [];
    if (templates.length === 0) return [...errors, required(path)];
    if (templates.length > MAX_TEMPLATES) return [...errors, tooMany(path, templates.length, MAX_TEMPLATES)];
    const seen = new Set<string>();
    for (const [index, template] of templates.entries()) {
      const field = at(path, index);
      if (seen.has(template.name)) errors.push(duplicate(field, { name: template.name }));
      seen.add(template.name);
      validateShortName(template.name, child(field, "name"), errors);
      validatePolicy(template.schedulingPolicy, child(field, "schedulingPolicy"), errors);
    }
    return errors;
  },
  validateUpdate({ spec }, old) {
    const errors: FieldError[] = [];
    for (const name of ["controllerRef", "podGroupTemplates"] as const) {
      const [value, before] = [spec?.[name], old.spec?.[name]];
      // A controller that was not told yet may be told later.
      if (name === "controllerRef" && before === undefined) continue;
      if (!semanticEqual(value, before)) errors.push(invalid(child("spec", name), value, IMMUTABLE));
    }
    return errors;
  },
});

export const podGroup = define<PodGroup>({
  type: podGroups,
  singular: "podgroup",
  hasStatus: true,
  columns: [
    nameColumn,
    column("Policy", "How the group is scheduled.", ({ spec }) => (spec?.schedulingPolicy?.gang ? "Gang" : "Basic")),
    column("Workload", "Workload that the group is of.", ({ spec }) => {
      return spec?.podGroupTemplateRef?.workload?.workloadName ?? "<none>";
    }),
    column("Status", "How far it is.", ({ status }) => {
      const find = (type: string) => status?.conditions?.find((one) => one.type === type);
      const disrupted = find("DisruptionTarget");
      if (disrupted) return disrupted.reason;
      const scheduled = find("PodGroupScheduled");
      if (!scheduled) return "Pending";
      return scheduled.status === "True" ? "Scheduled" : "Unschedulable";
    }),
    ageColumn,
  ],
  prepareForCreate(group) {
    group.status = {};
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    const reference = spec?.podGroupTemplateRef;
    if (reference) {
      const path = "spec.podGroupTemplateRef.workload";
      if (!reference.workload) errors.push(required(path));
      else {
        const { workloadName, podGroupTemplateName } = reference.workload;
        const field = child(path, "workloadName");
        if (!workloadName) errors.push(required(field));
        else addProblems(checkDnsSubdomain(workloadName), field, workloadName, errors);
        validateShortName(podGroupTemplateName, child(path, "podGroupTemplateName"), errors);
      }
    }
    validatePolicy(spec?.schedulingPolicy, "spec.schedulingPolicy", errors);
    return errors;
  },
  validateUpdate({ spec }, old) {
    const errors: FieldError[] = [];
    for (const name of ["podGroupTemplateRef", "schedulingPolicy", "resourceClaims"] as const) {
      if (semanticEqual(spec?.[name], old.spec?.[name])) continue;
      errors.push(invalid(child("spec", name), spec?.[name], IMMUTABLE));
    }
    return errors;
  },
  validateStatusUpdate: ({ status }) => validateConditions(status?.conditions, "status.conditions"),
});

function validateSegment(text: string | undefined, path: string, errors: FieldError[]): void {
  if (!text) errors.push(required(path));
  else addProblems(checkPathSegment(text), path, text, errors);
}

function validateShortName(name: string | undefined, path: string, errors: FieldError[]): void {
  if (!name) errors.push(required(path));
  else addProblems(checkDnsLabel(name), path, name, errors);
}

/** Exactly one of the ways to schedule. */
function validatePolicy(policy: PodGroupSchedulingPolicy | undefined, path: string, errors: FieldError[]): void {
  const given = (["basic", "gang"] as const).filter((name) => policy?.[name] != null);
  if (given.length === 0) {
    errors.push(invalid(path, "", "must specify one of: `basic`, `gang`"));
  } else if (given.length > 1) {
    const shown = `{${given.map((name) => `${name}`).join(", ")}}`;
    errors.push(invalid(path, shown, "must specify exactly one of: `basic`, `gang`"));
  }
  const minCount = policy?.gang?.minCount ?? 0;
  const field = child(path, "gang.minCount");
  if (policy?.gang && minCount === 0) errors.push(required(field));
  else if (policy?.gang && minCount < 1) errors.push(invalid(field, minCount, "must be greater than or equal to 1"));
}
