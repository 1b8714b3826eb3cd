import { apiServices } from "../resource-types.ts";
import type { APIService } from "../types/apiregistration.v1.ts";
import { define } from "./define.ts";

export const apiService = define<APIService>({
  type: apiServices,
  singular: "apiservice",
  categories: ["api-extensions"],
  hasStatus: true,
  generation: false,
  nameFormat: "path-segment",
  unconditionalUpdate: false,
});
