import {
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
} from "../resource-types.ts";
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../types/admissionregistration.v1.ts";
import { define } from "./define.ts";

const CATEGORIES = ["api-extensions"];

export const mutatingWebhookConfiguration = define<MutatingWebhookConfiguration>({
  type: mutatingWebhookConfigurations,
  singular: "mutatingwebhookconfiguration",
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const validatingWebhookConfiguration = define<ValidatingWebhookConfiguration>({
  type: validatingWebhookConfigurations,
  singular: "validatingwebhookconfiguration",
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const validatingAdmissionPolicy = define<ValidatingAdmissionPolicy>({
  type: validatingAdmissionPolicies,
  singular: "validatingadmissionpolicy",
  categories: CATEGORIES,
  hasStatus: true,
  generation: true,
  unconditionalUpdate: false,
});

export const validatingAdmissionPolicyBinding = define<ValidatingAdmissionPolicyBinding>({
  type: validatingAdmissionPolicyBindings,
  singular: "validatingadmissionpolicybinding",
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const mutatingAdmissionPolicy = define<MutatingAdmissionPolicy>({
  type: mutatingAdmissionPolicies,
  singular: "mutatingadmissionpolicy",
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});

export const mutatingAdmissionPolicyBinding = define<MutatingAdmissionPolicyBinding>({
  type: mutatingAdmissionPolicyBindings,
  singular: "mutatingadmissionpolicybinding",
  categories: CATEGORIES,
  generation: true,
  unconditionalUpdate: false,
});
