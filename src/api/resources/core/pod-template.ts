import type { FieldError } from "../../resource-definition.ts";
import { podTemplates } from "../../resource-types.ts";
import type { PodTemplate } from "../../types/core.v1.ts";
import { column, formatLabels, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { defaultPodTemplate } from "./pod-defaults.ts";
import { validatePodTemplate } from "./pod-template-validation.ts";
import { templateWarnings } from "./pod-warnings.ts";

export const podTemplate = define<PodTemplate>({
  warnings: ({ template }) => templateWarnings(template, "template"),
  type: podTemplates,
  singular: "podtemplate",
  generation: true,
  validate(object) {
    const errors: FieldError[] = [];
    validatePodTemplate(object.template, "template", errors);
    return errors;
  },
  columns: [
    nameColumn,
    column("Containers", "Names of each container in the template.", ({ template }) =>
      (template?.spec?.containers ?? []).map(({ name }) => name).join(","),
    ),
    column("Images", "Images referenced by each container in the template.", ({ template }) =>
      (template?.spec?.containers ?? []).map(({ image }) => image ?? "").join(","),
    ),
    column("Pod Labels", "The labels for the pod template.", ({ template }) =>
      formatLabels(template?.metadata?.labels),
    ),
  ],
  defaults(object) {
    object.template ??= {};
    defaultPodTemplate(object.template);
  },
});
