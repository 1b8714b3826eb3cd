import {
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
} from "../resource-types.ts";
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
} from "../types/admissionregistration.v1.ts";
import { define } from "./define.ts";
import { resetMetadataForStatus } from "./status-metadata.ts";

const CATEGORIES = ["api-extensions"];

export const mutatingWebhookConfiguration = define<MutatingWebhookConfiguration>({
  type: mutatingWebhookConfigurations,
  singular: "mutatingwebhookconfiguration",
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
  defaults({ spec }) {
    defaultMatch(spec?.matchResources);
  },
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const mutatingAdmissionPolicy = define<MutatingAdmissionPolicy>({
  type: mutatingAdmissionPolicies,
  singular: "mutatingadmissionpolicy",
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
  type: mutatingAdmissionPolicyBindings,
  singular: "mutatingadmissionpolicybinding",
  defaults({ spec }) {
    defaultMatch(spec?.matchResources);
  },
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

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
