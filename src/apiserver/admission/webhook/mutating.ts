import { jsonEqual } from "../../../api/json-equal.ts";
import { JsonPatchError, jsonPatch, type Operation } from "../../../api/patch/json-patch.ts";
import { mutatingWebhookConfigurations } from "../../../api/resource-types.ts";
import { internalError, StatusError } from "../../../api/status-error.ts";
import type { MutatingWebhook } from "../../../api/types/admissionregistration.v1.ts";
import { cloneJson } from "../../../base/clone.ts";
import type { AdmissionAttributes, AdmissionPlugin, Reinvocation } from "../admission.ts";
import { isExempt } from "../matching/rules.ts";
import { ObjectVersions } from "../matching/versioned-objects.ts";
import type { ReviewAnswer } from "./admission-review.ts";
import { CallFailure, callWebhook, failedClosed, Rejection } from "./call.ts";
import { type Invocation, invocationOf } from "./invocation.ts";
import { RegisteredWebhooks } from "./registered-webhooks.ts";
import { type WebhookMetrics, webhookMetrics } from "./webhook-metrics.ts";
import type { WebhookServices } from "./webhook-services.ts";

const MUTATION = "mutation.webhook.admission.k8s.io/";
const PATCH = "patch.webhook.admission.k8s.io/";
const MOST_OPERATIONS = 10_000;

/** Lets the registered webhooks change what is written, one after the other. */
export function mutatingAdmissionWebhook(services: WebhookServices): AdmissionPlugin {
  const registered = new RegisteredWebhooks<MutatingWebhook>(mutatingWebhookConfigurations, services.lookup);
  const metrics = webhookMetrics(services.metrics);
  const plugin: AdmissionPlugin = {
    name: "MutatingAdmissionWebhook",
    handles: (attributes) => registered.all.length > 0 && !isExempt(attributes),
    async admit(attributes, reinvocation) {
      const state = reinvocation.state(plugin, () => new ReinvocationState());
      if (reinvocation.round > 0 && !jsonEqual(state.lastOutput, attributes.object)) state.requireAgain();
      const versions = new ObjectVersions(attributes, services.catalogue);
      try {
        for (const [index, hook] of registered.all.entries()) {
          const invocation = await invocationOf(hook, attributes, versions, "admit", services, metrics);
          if (!invocation || (reinvocation.round > 0 && !state.again.has(hook.id))) continue;
          await invoke(invocation, index, { attributes, versions, reinvocation, state, services, metrics });
        }
      } finally {
        state.lastOutput = attributes.object && cloneJson(attributes.object);
      }
    },
    start: () => registered.start(),
    stop: () => registered.stop(),
  };
  return plugin;
}

/** Which webhooks are to be asked again, as an object changed after they had seen it. */
class ReinvocationState {
  lastOutput: unknown;
  readonly again = new Set<string>();
  #asked = new Set<string>();

  /** The webhook has been asked, and wants to be asked again where the object changes. */
  asked(id: string): void {
    this.#asked.add(id);
  }

  requireAgain(): void {
    for (const id of this.#asked) this.again.add(id);
    this.#asked = new Set();
  }
}

interface Context {
  readonly attributes: AdmissionAttributes;
  readonly versions: ObjectVersions;
  readonly reinvocation: Reinvocation;
  readonly state: ReinvocationState;
  readonly services: WebhookServices;
  readonly metrics: WebhookMetrics;
}

/** Calls one webhook and applies its patch. Throws the StatusError that ends the request. */
async function invoke(
  { hook, resource }: Invocation<MutatingWebhook>,
  index: number,
  { attributes, versions, reinvocation, state, services, metrics }: Context,
): Promise<void> {
  const { webhook, configuration } = hook;
  const { clock } = services;
  const place = `round_${reinvocation.round}_index_${index}`;
  const started = clock.monotonic();
  let changed = false;
  let failure: unknown;
  try {
    const shown = await versions.of(resource);
    const answer = await callWebhook(webhook, attributes, shown, true, services);
    const operations = decodePatch(webhook.name, answer);
    if (operations.length > 0) {
      const patched = applyPatch(webhook.name, shown.object, operations, answer.patchType);
      changed = await replaced(versions, resource, patched);
      const told = { configuration, webhook: webhook.name, patch: operations, patchType: "JSONPatch" };
      attributes.annotate?.(PATCH + place, JSON.stringify(told), "Request");
    }
  } catch (error) {
    failure = error;
  }
  const told = { configuration, webhook: webhook.name, mutated: changed };
  attributes.annotate?.(MUTATION + place, JSON.stringify(told));
  const ignored = failure instanceof CallFailure && webhook.failurePolicy === "Ignore";
  metrics.called({
    webhook: webhook.name,
    step: "admit",
    operation: attributes.operation,
    seconds: (clock.monotonic() - started) / 1000,
    rejected: failure !== undefined && !ignored,
    ...outcomeOf(failure),
  });
  if (changed) {
    state.requireAgain();
    reinvocation.request();
  }
  if (webhook.reinvocationPolicy === "IfNeeded") state.asked(hook.id);
  if (failure === undefined) return;
  if (failure instanceof Rejection) throw failure.status;
  if (!(failure instanceof CallFailure)) throw failure;
  if (!ignored) throw failedClosed(failure);
  metrics.failedOpen(webhook.name, "admit");
  attributes.annotate?.(`failed-open.${MUTATION}${place}`, webhook.name);
}

/** How a call ended, for the metrics. */
export function outcomeOf(failure: unknown) {
  if (failure === undefined) return { code: 200 };
  if (failure instanceof CallFailure) return { code: failure.code, errorType: "calling_webhook_error" as const };
  if (failure instanceof Rejection) return { code: failure.status.code, errorType: "no_error" as const };
  return { code: 0, errorType: "apiserver_internal_error" as const };
}

function decodePatch(webhook: string, { patch }: ReviewAnswer): readonly Operation[] {
  if (patch === undefined) return [];
  const undecodable = (detail: string, cause?: unknown) =>
    new CallFailure(webhook, `received undecodable patch in webhook response: ${detail}`, 503, cause);
  let parsed: unknown;
  try {
    parsed = JSON.parse(patch);
  } catch (error) {
    throw undecodable((error as Error).message, error);
  }
  if (parsed === null) return [];
  if (!Array.isArray(parsed)) throw undecodable("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  if (parsed.length > MOST_OPERATIONS) throw undecodable(`more than ${MOST_OPERATIONS} operations`);
  for (const one of parsed as Partial<Operation>[]) {
    if (typeof one?.op !== "string" || typeof one.path !== "string") throw undecodable("an operation lacks op or path");
  }
  return parsed as Operation[];
}

function applyPatch(
  webhook: string,
  object: object | undefined,
  operations: readonly Operation[],
  patchType: string,
): unknown {
  const name = JSON.stringify(webhook);
  if (!object) {
    const text = `admission webhook ${name} attempted to modify the object, which is not supported for this operation`;
    throw internalError(new Error(text));
  }
  if (patchType !== "JSONPatch")
    throw new CallFailure(webhook, `unsupported patch type ${JSON.stringify(patchType)}`, 400);
  try {
    return jsonPatch(object, operations);
  } catch (error) {
    throw error instanceof JsonPatchError ? internalError(error) : error;
  }
}

/** What does not decode is the webhook's mistake, not the client's. */
async function replaced(versions: ObjectVersions, ...args: Parameters<ObjectVersions["replace"]>): Promise<boolean> {
  try {
    return await versions.replace(...args);
  } catch (error) {
    if (error instanceof StatusError && error.code !== 400) throw error;
    throw internalError(error);
  }
}
