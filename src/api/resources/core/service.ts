import { services } from "../../resource-types.ts";
import type { Service } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const service = define<Service>({
  type: services,
  singular: "service",
  shortNames: ["svc"],
  categories: ["all"],
  hasStatus: true,
  generation: false,
  nameFormat: "service",
  createOnUpdate: true,
  selectableFields: {
    "spec.clusterIP": (service) => service.spec?.clusterIP ?? "",
    "spec.type": (service) => service.spec?.type ?? "",
  },
});
