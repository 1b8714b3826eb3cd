import { loadCel } from "../../cel/load.ts";
import type { TableColumn } from "../../resource-definition.ts";
import {
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
} from "../../resource-types.ts";
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from "../../types/admissionregistration.v1.ts";
import { ageColumn, column, nameColumn, selectorText } from "../columns.ts";
import { define } from "../define.ts";
import { sameShape } from "../same-shape.ts";
import { resetMetadataForStatus } from "../status-metadata.ts";
import { validateMutatingExpressions, validateValidatingExpressions } from "./expressions.ts";
import {
  validateMutatingBinding,
  validateMutatingPolicy,
  validateValidatingBinding,
  validateValidatingPolicy,
  validateValidatingPolicyStatus,
} from "./policy-validation.ts";
import { validateWebhooks } from "./webhook-validation.ts";

const CATEGORIES = ["api-extensions"];

const webhookColumns: readonly TableColumn<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>[] = [
  nameColumn,
  column("Webhooks", "How many webhooks it registers.", ({ webhooks }) => webhooks?.length ?? 0, "integer"),
  ageColumn,
];

const paramKindColumn: TableColumn<ValidatingAdmissionPolicy | MutatingAdmissionPolicy> = column(
  "ParamKind",
  "Kind of the objects that parameterize it.",
  ({ spec }) => (spec?.paramKind ? `${spec.paramKind.apiVersion ?? ""}/${spec.paramKind.kind ?? ""}` : "<unset>"),
);

const bindingColumns: readonly TableColumn<ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding>[] = [
  nameColumn,
  column("PolicyName", "Policy that it puts to use.", ({ spec }) => spec?.policyName ?? ""),
  column("ParamRef", "Object with the parameters.", ({ spec }) => {
    const reference = spec?.paramRef;
    if (reference?.name) return `${reference.namespace || "*"}/${reference.name}`;
    return reference?.selector ? selectorText(reference.selector) : "<unset>";
  }),
  ageColumn,
];

export const mutatingWebhookConfiguration = define<MutatingWebhookConfiguration>({
  type: mutatingWebhookConfigurations,
  singular: "mutatingwebhookconfiguration",
  prepare: prepareWebhooks,
  validate: validateWebhooks,
  columns: webhookColumns,
  defaults(configuration) {
    for (const webhook of configuration.webhooks ?? []) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= "Never";
    }
  },
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const validatingWebhookConfiguration = define<ValidatingWebhookConfiguration>({
  type: validatingWebhookConfigurations,
  singular: "validatingwebhookconfiguration",
  prepare: prepareWebhooks,
  validate: validateWebhooks,
  columns: webhookColumns,
  defaults(configuration) {
    for (const webhook of configuration.webhooks ?? []) defaultWebhook(webhook);
  },
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const validatingAdmissionPolicy = define<ValidatingAdmissionPolicy>({
  type: validatingAdmissionPolicies,
  singular: "validatingadmissionpolicy",
  prepare: loadCel,
  validate: (policy) => [...validateValidatingPolicy(policy), ...validateValidatingExpressions(policy)],
  validateStatusUpdate: validateValidatingPolicyStatus,
  columns: [
    nameColumn,
    column("Validations", "How many rules it has.", ({ spec }) => spec?.validations?.length ?? 0, "integer"),
    paramKindColumn,
    ageColumn,
  ],
  defaults({ spec }) {
    if (!spec) return;
    spec.failurePolicy ??= "Fail";
    defaultMatch(spec.matchConstraints);
  },
  prepareForCreate(policy) {
    policy.status = {};
  },
  prepareForStatusUpdate: resetMetadataForStatus,
  categories: CATEGORIES,
  hasStatus: true,
  generation: true,
  unconditionalUpdate: false,
});

export const validatingAdmissionPolicyBinding = define<ValidatingAdmissionPolicyBinding>({
  type: validatingAdmissionPolicyBindings,
  singular: "validatingadmissionpolicybinding",
  validate: validateValidatingBinding,
  columns: bindingColumns,
  defaults({ spec }) {
    defaultMatch(spec?.matchResources);
  },
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

/** Before it became stable, mutation by policies had two versions of the same shape. */
const BEFORE_STABLE = {
  v1alpha1: sameShape("admissionregistration.k8s.io", "v1alpha1", "v1"),
  v1beta1: sameShape("admissionregistration.k8s.io", "v1beta1", "v1"),
};

export const mutatingAdmissionPolicy = define<MutatingAdmissionPolicy>({
  conversions: BEFORE_STABLE,
  type: mutatingAdmissionPolicies,
  singular: "mutatingadmissionpolicy",
  prepare: loadCel,
  validate: (policy) => [...validateMutatingPolicy(policy), ...validateMutatingExpressions(policy)],
  columns: [
    nameColumn,
    column("Mutations", "How many mutations it has.", ({ spec }) => spec?.mutations?.length ?? 0, "integer"),
    paramKindColumn,
    ageColumn,
  ],
  defaults({ spec }) {
    if (!spec) return;
    spec.failurePolicy ??= "Fail";
    spec.reinvocationPolicy ||= "Never";
    defaultMatch(spec.matchConstraints);
  },
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const mutatingAdmissionPolicyBinding = define<MutatingAdmissionPolicyBinding>({
  conversions: BEFORE_STABLE,
  type: mutatingAdmissionPolicyBindings,
  singular: "mutatingadmissionpolicybinding",
  validate: validateMutatingBinding,
  columns: bindingColumns,
  defaults({ spec }) {
    defaultMatch(spec?.matchResources);
  },
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

/** Few webhooks have expressions. */
function prepareWebhooks({ webhooks }: MutatingWebhookConfiguration | ValidatingWebhookConfiguration) {
  return webhooks?.some(({ matchConditions }) => matchConditions?.length) ? loadCel() : undefined;
}

function defaultWebhook(webhook: ValidatingWebhook | MutatingWebhook): void {
  webhook.failurePolicy ??= "Fail";
  webhook.matchPolicy ??= "Equivalent";
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) rule.scope ??= "*";
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
}

function defaultMatch(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= "Equivalent";
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= "*";
}
