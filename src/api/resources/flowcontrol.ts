import { flowSchemas, priorityLevelConfigurations } from "../resource-types.ts";
import type { FlowSchema, FlowSchemaSpec, PriorityLevelConfiguration } from "../types/flowcontrol.v1.ts";
import { define } from "./define.ts";
import { resetMetadataForStatus } from "./status-metadata.ts";

export const flowSchema = define<FlowSchema>({
  type: flowSchemas,
  singular: "flowschema",
  hasStatus: true,
  generation: true,
  defaults(schema) {
    schema.spec ??= {} as FlowSchemaSpec;
    schema.spec.matchingPrecedence ||= 1000;
  },
  prepareForCreate(schema) {
    schema.status = {};
  },
  prepareForStatusUpdate: resetMetadataForStatus,
});

export const priorityLevelConfiguration = define<PriorityLevelConfiguration>({
  type: priorityLevelConfigurations,
  singular: "prioritylevelconfiguration",
  hasStatus: true,
  generation: true,
  defaults({ spec }) {
    if (!spec) return;
    if (spec.exempt) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (!spec.limited) return;
    const { limited } = spec;
    limited.nominalConcurrencyShares ??= 30;
    limited.lendablePercent ??= 0;
    const queuing = limited.limitResponse?.queuing;
    if (!queuing) return;
    queuing.handSize ||= 8;
    queuing.queues ||= 64;
    queuing.queueLengthLimit ||= 50;
  },
  prepareForCreate(level) {
    level.status = {};
  },
  prepareForStatusUpdate: resetMetadataForStatus,
});
