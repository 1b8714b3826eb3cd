import { flowSchemas, priorityLevelConfigurations } from "../resource-types.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../types/flowcontrol.v1.ts";
import { define } from "./define.ts";

export const flowSchema = define<FlowSchema>({
  type: flowSchemas,
  singular: "flowschema",
  hasStatus: true,
  generation: true,
});

export const priorityLevelConfiguration = define<PriorityLevelConfiguration>({
  type: priorityLevelConfigurations,
  singular: "prioritylevelconfiguration",
  hasStatus: true,
  generation: true,
});
