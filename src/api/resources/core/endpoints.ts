import { endpoints as endpointsType } from "../../resource-types.ts";
import type { Endpoints } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const endpoints = define<Endpoints>({
  type: endpointsType,
  singular: "endpoints",
  shortNames: ["ep"],
  createOnUpdate: true,
});
