import { controllerRevisions } from "../../resource-types.ts";
import type { ControllerRevision } from "../../types/apps.v1.ts";
import { define } from "../define.ts";

export const controllerRevision = define<ControllerRevision>({
  type: controllerRevisions,
  singular: "controllerrevision",
});
