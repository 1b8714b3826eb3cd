import { flowSchemas, priorityLevelConfigurations } from "../resource-types.ts";
import type { FlowSchema, FlowSchemaSpec, PriorityLevelConfiguration } from "../types/flowcontrol.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { validateFlowSchema, validatePriorityLevel, validateTypes } from "./flowcontrol-validation.ts";
import { resetMetadataForStatus } from "./status-metadata.ts";

export const flowSchema = define<FlowSchema>({
  type: flowSchemas,
  singular: "flowschema",
  validate: validateFlowSchema,
  validateStatusUpdate: ({ status }) => validateTypes(status?.conditions),
  columns: [
    nameColumn,
    column(
      "PriorityLevel",
      "Priority level of the requests.",
      ({ spec }) => spec?.priorityLevelConfiguration?.name ?? "",
    ),
    column(
      "MatchingPrecedence",
      "Which schema is tried first: the lowest.",
      ({ spec }) => spec?.matchingPrecedence ?? 0,
    ),
    column("DistinguisherMethod", "What tells flows apart.", ({ spec }) => spec?.distinguisherMethod?.type ?? "<none>"),
    ageColumn,
    column(
      "MissingPL",
      "Whether its priority level does not exist.",
      ({ status }) => status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?",
    ),
  ],
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
  validate: validatePriorityLevel,
  validateStatusUpdate: ({ status }) => validateTypes(status?.conditions),
  columns: [
    nameColumn,
    column("Type", "Whether its requests are limited.", ({ spec }) => spec?.type ?? ""),
    column(
      "NominalConcurrencyShares",
      "Its share of the requests under way.",
      ({ spec }) => spec?.limited?.nominalConcurrencyShares ?? "<none>",
    ),
    column(
      "Queues",
      "How many queues it has.",
      ({ spec }) => spec?.limited?.limitResponse?.queuing?.queues ?? "<none>",
    ),
    column(
      "HandSize",
      "How many queues a flow may use.",
      ({ spec }) => spec?.limited?.limitResponse?.queuing?.handSize ?? "<none>",
    ),
    column(
      "QueueLengthLimit",
      "How many requests a queue holds.",
      ({ spec }) => spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? "<none>",
    ),
    ageColumn,
  ],
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
