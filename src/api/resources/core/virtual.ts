import type { FieldError } from "../../resource-definition.ts";
import { bindings, componentStatuses } from "../../resource-types.ts";
import type { Binding, ComponentCondition, ComponentStatus, ObjectReference } from "../../types/core.v1.ts";
import { column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { notSupported, required } from "../field-errors.ts";

/** Never stored: creating one binds a pod, as pods/binding does. */
export const binding = define<Binding>({
  type: bindings,
  singular: "binding",
  verbs: ["create"],
  validate: ({ target }) => validateBindingTarget(target),
});

/** Never stored: computed by asking the components. */
export const componentStatus = define<ComponentStatus>({
  type: componentStatuses,
  singular: "componentstatus",
  shortNames: ["cs"],
  columns: [
    nameColumn,
    column("Status", "Status of the component conditions.", (component) => {
      const health = healthOf(component);
      return health ? (health.status === "True" ? "Healthy" : "Unhealthy") : "Unknown";
    }),
    column("Message", "Message of the component conditions.", (component) => healthOf(component)?.message ?? ""),
    column("Error", "Error of the component conditions.", (component) => healthOf(component)?.error ?? ""),
  ],
  verbs: ["get", "list"],
});

function healthOf({ conditions }: ComponentStatus): ComponentCondition | undefined {
  return conditions?.find(({ type }) => type === "Healthy");
}

/** Pods are bound to nodes, by name. */
function validateBindingTarget(target: ObjectReference | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (target?.kind && target.kind !== "Node") {
    errors.push(notSupported("target.kind", target.kind, ["Node", "<empty>"]));
  }
  if (!target?.name) errors.push(required("target.name"));
  return errors;
}
