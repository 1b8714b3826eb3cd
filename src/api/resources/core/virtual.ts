import { bindings, componentStatuses } from "../../resource-types.ts";
import type { Binding, ComponentCondition, ComponentStatus } from "../../types/core.v1.ts";
import { column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";

/** Never stored: creating one binds a pod, as pods/binding does. */
export const binding = define<Binding>({ type: bindings, singular: "binding", verbs: ["create"] });

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
