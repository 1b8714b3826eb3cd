import { bindings, componentStatuses } from "../../resource-types.ts";
import type { Binding, ComponentStatus } from "../../types/core.v1.ts";
import { define } from "../define.ts";

/** Never stored: creating one binds a pod, as pods/binding does. */
export const binding = define<Binding>({ type: bindings, singular: "binding", verbs: ["create"] });

/** Never stored: computed by asking the components. */
export const componentStatus = define<ComponentStatus>({
  type: componentStatuses,
  singular: "componentstatus",
  shortNames: ["cs"],
  verbs: ["get", "list"],
});
