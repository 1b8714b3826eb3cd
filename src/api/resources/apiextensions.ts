import { customResourceDefinitions } from "../resource-types.ts";
import type { CustomResourceDefinition } from "../types/apiextensions.v1.ts";
import { define } from "./define.ts";

export const customResourceDefinition = define<CustomResourceDefinition>({
  type: customResourceDefinitions,
  singular: "customresourcedefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  hasStatus: true,
  generation: true,
  unconditionalUpdate: false,
});
