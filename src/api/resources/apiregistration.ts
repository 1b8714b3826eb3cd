import { apiServices } from "../resource-types.ts";
import type { APIService } from "../types/apiregistration.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { resetMetadataForStatus } from "./status-metadata.ts";
import { timestamp } from "./timestamp.ts";

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
});
