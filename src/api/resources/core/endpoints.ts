import { endpoints as endpointsType } from "../../resource-types.ts";
import type { Endpoints } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const endpoints = define<Endpoints>({
  type: endpointsType,
  singular: "endpoints",
  shortNames: ["ep"],
  defaults(endpoints) {
    for (const subset of endpoints.subsets ?? []) {
      for (const port of subset.ports ?? []) port.protocol ||= "TCP";
    }
  },
  createOnUpdate: true,
});
