import { checkDnsLabel } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { ingressClasses } from "../../resource-types.ts";
import type { IngressClass, IngressClassParametersReference } from "../../types/networking.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { child, forbidden, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import { validateDomainPrefixedPath, validateGroupReference } from "../reference-checks.ts";
import { addProblems, IMMUTABLE } from "../value-checks.ts";

const CONTROLLER_LIMIT = 250;

export const ingressClass = define<IngressClass>({
  type: ingressClasses,
  singular: "ingressclass",
  columns: [
    nameColumn,
    column("Controller", "Controller that handles this class.", ({ spec }) => spec?.controller ?? ""),
    column("Parameters", "Resource with further parameters.", ({ spec }) => {
      const parameters = spec?.parameters;
      if (!parameters) return "<none>";
      const kind = parameters.apiGroup == null ? parameters.kind : `${parameters.kind}.${parameters.apiGroup}`;
      return `${kind}/${parameters.name}`;
    }),
    ageColumn,
  ],
  defaults(ingressClass) {
    if (ingressClass.spec?.parameters) ingressClass.spec.parameters.scope ??= "Cluster";
  },
  validate({ spec = {} }) {
    const errors: FieldError[] = [];
    const controller = spec.controller ?? "";
    if (Buffer.byteLength(controller) > CONTROLLER_LIMIT) errors.push(tooLong("spec.controller", CONTROLLER_LIMIT));
    validateDomainPrefixedPath(controller, "spec.controller", errors);
    if (spec.parameters) validateParameters(spec.parameters, "spec.parameters", errors);
    return errors;
  },
  validateUpdate({ spec }, old) {
    const controller = spec?.controller;
    return controller === old.spec?.controller ? [] : [invalid("spec.controller", controller, IMMUTABLE)];
  },
  generation: true,
});

function validateParameters(parameters: IngressClassParametersReference, path: string, errors: FieldError[]): void {
  const { scope, namespace } = parameters;
  validateGroupReference(parameters, path, errors);
  const field = child(path, "namespace");
  if (scope === "Namespace") {
    if (namespace == null) errors.push(required(field, "`parameters.scope` is set to 'Namespace'"));
    else addProblems(checkDnsLabel(namespace), field, namespace, errors);
  } else if (scope === "Cluster") {
    if (namespace != null) errors.push(forbidden(field, "`parameters.scope` is set to 'Cluster'"));
  } else errors.push(notSupported(child(path, "scope"), scope ?? "", ["Cluster", "Namespace"]));
}
