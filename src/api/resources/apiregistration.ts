import { apiServices } from "../resource-types.ts";
import type { APIService } from "../types/apiregistration.v1.ts";
import { define } from "./define.ts";
import { resetMetadataForStatus } from "./status-metadata.ts";
import { timestamp } from "./timestamp.ts";

export const apiService = define<APIService>({
  type: apiServices,
  singular: "apiservice",
  categories: ["api-extensions"],
  hasStatus: true,
  generation: false,
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
