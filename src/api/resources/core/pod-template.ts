import { podTemplates } from "../../resource-types.ts";
import type { PodTemplate } from "../../types/core.v1.ts";
import { define } from "../define.ts";
import { defaultPodTemplate } from "./pod-defaults.ts";

export const podTemplate = define<PodTemplate>({
  type: podTemplates,
  singular: "podtemplate",
  generation: true,
  defaults(object) {
    object.template ??= {};
    defaultPodTemplate(object.template);
  },
});
