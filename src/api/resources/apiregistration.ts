import { checkDnsSubdomain, checkPathSegment, checkPortNumber, checkServiceName } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { apiServices } from "../resource-types.ts";
import type { APIService } from "../types/apiregistration.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { at, child, goQuote, invalid, notSupported, required } from "./field-errors.ts";
import { resetMetadataForStatus } from "./status-metadata.ts";
import { timestamp } from "./timestamp.ts";
import { addProblems } from "./value-checks.ts";

const MAX_GROUP_PRIORITY = 20_000;
const MAX_VERSION_PRIORITY = 1000;
const STATUSES = ["True", "False", "Unknown"];

export const apiService = define<APIService>({
  type: apiServices,
  singular: "apiservice",
  categories: ["api-extensions"],
  hasStatus: true,
  generation: false,
  columns: [
    nameColumn,
    column("Service", "Service that answers, if it is not this server.", ({ spec }) =>
      spec?.service ? `${spec.service.namespace ?? ""}/${spec.service.name ?? ""}` : "Local",
    ),
    column("Available", "Whether it can be reached.", ({ status }) => {
      const available = status?.conditions?.find(({ type }) => type === "Available");
      if (!available) return "Unknown";
      return available.status === "True" ? "True" : `${available.status} (${available.reason ?? ""})`;
    }),
    ageColumn,
  ],
  defaults(service) {
    if (service.spec?.service) service.spec.service.port ??= 443;
  },
  prepareForCreate(service, { now }) {
    service.status = {};
    if (service.spec?.service) return;
    service.status.conditions = [
      {
        type: "Available",
        status: "True",
        lastTransitionTime: timestamp(now),
        reason: "Local",
        message: "Local APIServices are always available",
      },
    ];
  },
  prepareForStatusUpdate: resetMetadataForStatus,
  nameFormat: "path-segment",
  unconditionalUpdate: false,
  validate: validateApiService,
  validateStatusUpdate({ status }) {
    const errors: FieldError[] = [];
    for (const [index, condition] of (status?.conditions ?? []).entries()) {
      if (STATUSES.includes(condition.status)) continue;
      const path = child(at("status.conditions", index), "status");
      errors.push(notSupported(path, condition.status ?? "", STATUSES));
    }
    return errors;
  },
});

function validateApiService({ metadata, spec }: APIService): FieldError[] {
  const errors: FieldError[] = [];
  const { group = "", version = "", groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
  const name = metadata?.name ?? "";
  const expected = `${version}.${group}`;
  if (checkPathSegment(name).length === 0 && name !== expected) {
    const detail = `must be \`spec.version+"."+spec.group\`: ${goQuote(expected)}`;
    errors.push(invalid("metadata.name", name, detail));
  }
  if (group === "" && version !== "v1") {
    errors.push(required("spec.group", "only v1 may have an empty group and it better be legacy kube"));
  }
  if (group !== "") addProblems(checkDnsSubdomain(group), "spec.group", group, errors);
  addProblems(checkServiceName(version), "spec.version", version, errors);
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > MAX_GROUP_PRIORITY) {
    const detail = `must be positive and less than ${MAX_GROUP_PRIORITY}`;
    errors.push(invalid("spec.groupPriorityMinimum", groupPriorityMinimum, detail));
  }
  if (versionPriority <= 0 || versionPriority > MAX_VERSION_PRIORITY) {
    const detail = `must be positive and less than ${MAX_VERSION_PRIORITY}`;
    errors.push(invalid("spec.versionPriority", versionPriority, detail));
  }
  validateConnection(spec, errors);
  return errors;
}

/** How the server behind it is reached and trusted; this server itself needs neither. */
function validateConnection(spec: APIService["spec"], errors: FieldError[]): void {
  const { service, caBundle, insecureSkipTLSVerify } = spec ?? {};
  const insecure = "spec.insecureSkipTLSVerify";
  if (!service) {
    if (caBundle) {
      const bytes = `${Buffer.byteLength(caBundle, "base64")} bytes`;
      errors.push(invalid("spec.caBundle", bytes, "local APIServices may not have a caBundle"));
    }
    if (insecureSkipTLSVerify) {
      errors.push(invalid(insecure, true, "local APIServices may not have insecureSkipTLSVerify"));
    }
    return;
  }
  if (!service.namespace) errors.push(required("spec.service.namespace"));
  if (!service.name) errors.push(required("spec.service.name"));
  const problems = checkPortNumber(service.port ?? 0);
  if (problems.length > 0) {
    errors.push(invalid("spec.service.port", service.port ?? 0, `port is not valid: ${problems.join(", ")}`));
  }
  if (insecureSkipTLSVerify && caBundle) {
    errors.push(invalid(insecure, true, "may not be true if caBundle is present"));
  }
}
