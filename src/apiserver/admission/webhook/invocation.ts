import { SelectorError } from "../../../api/label-selector.ts";
import type { ResourceType } from "../../../api/object.ts";
import { forbidden, internalError } from "../../../api/status-error.ts";
import type { ValidatingWebhook } from "../../../api/types/admissionregistration.v1.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { evaluateMatchConditions } from "../matching/match-conditions.ts";
import { matchedOf, matchesRule } from "../matching/rules.ts";
import { matchesNamespace, matchesObject } from "../matching/selectors.ts";
import type { ObjectVersions } from "../matching/versioned-objects.ts";
import type { RegisteredWebhook } from "./registered-webhooks.ts";
import type { StepLabel, WebhookMetrics } from "./webhook-metrics.ts";
import type { WebhookServices } from "./webhook-services.ts";

/** A webhook that is to be asked about a write, and in which version it wants to see it. */
export interface Invocation<W extends ValidatingWebhook> {
  readonly hook: RegisteredWebhook<W>;
  readonly resource: ResourceType;
}

/**
 * Whether a webhook is to be called for a write: undefined where not. Its selectors and rules are looked at first, then
 * its match conditions. Throws a StatusError where that can't be told.
 */
export async function invocationOf<W extends ValidatingWebhook>(
  hook: RegisteredWebhook<W>,
  attributes: AdmissionAttributes,
  versions: ObjectVersions,
  step: StepLabel,
  services: WebhookServices,
  metrics: WebhookMetrics,
): Promise<Invocation<W> | undefined> {
  const { webhook } = hook;
  let failure: unknown;
  try {
    if (!(await matchesNamespace(hook.namespaceSelector, attributes, services.lookup))) return undefined;
  } catch (error) {
    failure = error;
  }
  try {
    if (!matchesObject(hook.objectSelector, attributes)) return undefined;
  } catch (error) {
    failure ??= error;
  }
  const resource = matchingResource(webhook, attributes, versions);
  if (!resource) return undefined;
  // Only what the webhook is about may fail for it.
  if (failure) throw failure instanceof SelectorError ? internalError(failure) : failure;
  const conditions = webhook.matchConditions ?? [];
  if (conditions.length === 0) return { hook, resource };

  const started = services.clock.monotonic();
  const { type, requested = type, operation, name } = attributes;
  const shown = await versions.of(resource);
  const { matches, errors } = await evaluateMatchConditions(conditions, attributes, shown, services.authorizer);
  const excluded = matches === false || (matches === undefined && webhook.failurePolicy === "Ignore");
  metrics.conditions(webhook.name, step, operation, {
    seconds: (services.clock.monotonic() - started) / 1000,
    errors: errors.length,
    excluded,
  });
  if (excluded) return undefined;
  if (matches) return { hook, resource };
  const messages = errors.map(({ message }) => message);
  throw forbidden(requested, name, messages.length === 1 ? messages[0]! : `[${messages.join(", ")}]`);
}

/** The resource by which a rule of the webhook matches: the requested one, or else an equivalent. */
function matchingResource(
  { rules = [], matchPolicy }: ValidatingWebhook,
  attributes: AdmissionAttributes,
  versions: ObjectVersions,
): ResourceType | undefined {
  const matched = matchedOf(attributes);
  if (rules.some((rule) => matchesRule(rule, matched))) return versions.requested;
  if (matchPolicy !== "Equivalent") return undefined;
  const equivalents = versions.equivalents();
  for (const rule of rules) {
    for (const resource of equivalents) if (matchesRule(rule, { ...matched, resource })) return resource;
  }
  return undefined;
}
