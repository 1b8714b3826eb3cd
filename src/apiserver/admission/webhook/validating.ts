import { validatingWebhookConfigurations } from "../../../api/resource-types.ts";
import type { ValidatingWebhook } from "../../../api/types/admissionregistration.v1.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import { isExempt } from "../matching/rules.ts";
import { ObjectVersions } from "../matching/versioned-objects.ts";
import { CallFailure, callWebhook, failedClosed, Rejection } from "./call.ts";
import { type Invocation, invocationOf } from "./invocation.ts";
import { outcomeOf } from "./mutating.ts";
import { RegisteredWebhooks } from "./registered-webhooks.ts";
import { type WebhookMetrics, webhookMetrics } from "./webhook-metrics.ts";
import type { WebhookServices } from "./webhook-services.ts";

const FAILED_OPEN = "failed-open.validating.webhook.admission.k8s.io/";

/** Asks the registered webhooks, all at once, whether the finished object may be written. */
export function validatingAdmissionWebhook(services: WebhookServices): AdmissionPlugin {
  const registered = new RegisteredWebhooks<ValidatingWebhook>(validatingWebhookConfigurations, services.lookup);
  const metrics = webhookMetrics(services.metrics);
  return {
    name: "ValidatingAdmissionWebhook",
    handles: (attributes) => registered.all.length > 0 && !isExempt(attributes),
    async validate(attributes) {
      const versions = new ObjectVersions(attributes, services.catalogue);
      const invocations: Invocation<ValidatingWebhook>[] = [];
      for (const hook of registered.all) {
        const invocation = await invocationOf(hook, attributes, versions, "validating", services, metrics);
        if (invocation) invocations.push(invocation);
      }
      const refusals: unknown[] = [];
      const calls = invocations.map(async (invocation, index) => {
        const refusal = await refusalOf(invocation, index, attributes, versions, services, metrics);
        if (refusal !== undefined) refusals.push(refusal);
      });
      await Promise.all(calls);
      // The first that came.
      if (refusals.length > 0) throw refusals[0];
    },
    start: () => registered.start(),
    stop: () => registered.stop(),
  };
}

/** Calls one webhook; gives the error that ends the request, if there is one. */
async function refusalOf(
  { hook: { webhook }, resource }: Invocation<ValidatingWebhook>,
  index: number,
  attributes: AdmissionAttributes,
  versions: ObjectVersions,
  services: WebhookServices,
  metrics: WebhookMetrics,
): Promise<unknown> {
  const { clock } = services;
  const started = clock.monotonic();
  let failure: unknown;
  try {
    await callWebhook(webhook, attributes, await versions.of(resource), false, services);
  } catch (error) {
    failure = error;
  }
  const ignored = failure instanceof CallFailure && webhook.failurePolicy === "Ignore";
  metrics.called({
    webhook: webhook.name,
    step: "validating",
    operation: attributes.operation,
    seconds: (clock.monotonic() - started) / 1000,
    rejected: failure !== undefined && !ignored,
    ...outcomeOf(failure),
  });
  if (failure instanceof Rejection) return failure.status;
  if (!(failure instanceof CallFailure)) return failure;
  if (!ignored) return failedClosed(failure);
  metrics.failedOpen(webhook.name, "validating");
  attributes.annotate?.(`${FAILED_OPEN}round_0_index_${index}`, webhook.name);
  return undefined;
}
