import { badRequest, internalError, StatusError, serviceUnavailable } from "../../../api/status-error.ts";
import type { ValidatingWebhook } from "../../../api/types/admissionregistration.v1.ts";
import type { Status } from "../../../api/types/meta.v1.ts";
import type { WebhookClientConfig } from "../../webhook/webhook-client.ts";
import { WebhookError } from "../../webhook/webhook-client.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { VersionedObjects } from "../matching/versioned-objects.ts";
import { admissionReview, type ReviewAnswer, reviewAnswer, reviewVersion } from "./admission-review.ts";
import type { WebhookServices } from "./webhook-services.ts";

/** Where a webhook names no timeout; the API sets the same as a default. */
const DEFAULT_TIMEOUT_SECONDS = 10;

/** The webhook could not be asked, or gave no proper answer: its failure policy decides what becomes of the request. */
export class CallFailure extends Error {
  /** What the failure counts as in the metrics. */
  readonly code: number;
  constructor(webhook: string, reason: string, code: number, cause?: unknown) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${reason}`, { cause });
    this.code = code;
  }
}

/** The webhook said no. */
export class Rejection extends Error {
  readonly status: StatusError;
  constructor(status: StatusError) {
    super(status.message);
    this.status = status;
  }
}

/** Asks a webhook about a write. Throws a CallFailure, a Rejection, or the StatusError of a dry run that it can't do. */
export async function callWebhook(
  webhook: ValidatingWebhook,
  attributes: AdmissionAttributes,
  shown: VersionedObjects,
  mutating: boolean,
  services: WebhookServices,
): Promise<ReviewAnswer> {
  const { name, sideEffects, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = webhook;
  if (attributes.dryRun && sideEffects !== "None" && sideEffects !== "NoneOnDryRun") {
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  }
  const uid = services.random.uuid();
  const version = attempt(name, "could not create admission objects", badRequest(""), () =>
    reviewVersion(webhook.admissionReviewVersions),
  );
  const review = admissionReview(attributes, shown, uid, version);
  let answer: unknown;
  try {
    const config = webhook.clientConfig as WebhookClientConfig;
    const plugin = mutating ? "MutatingAdmissionWebhook" : "ValidatingAdmissionWebhook";
    const auth = services.configuration?.webhookCredentials.get(plugin)?.(config);
    answer = await services.webhooks.call(auth ? { ...config, auth } : config, review, {
      timeoutMs: timeoutSeconds * 1000,
      signal: attributes.signal,
    });
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error;
    const code = error.answer?.code ?? serviceUnavailable("").code;
    throw new CallFailure(name, `failed to call webhook: ${error.message}`, code, error);
  }
  const checked = attempt(name, "received invalid webhook response", serviceUnavailable(""), () =>
    reviewAnswer(answer, { uid, version, mutating }),
  );
  for (const [key, value] of Object.entries(checked.auditAnnotations)) {
    attributes.annotate?.(`${name}/${key}`, String(value));
  }
  for (const warning of checked.warnings) attributes.warn(warning);
  if (!checked.allowed) throw new Rejection(deniedBy(name, checked.result));
  return checked;
}

function attempt<T>(webhook: string, what: string, status: StatusError, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new CallFailure(webhook, `${what}: ${(error as Error).message}`, status.code, error);
  }
}

/** The webhook's own status, made a refusal that names it. */
function deniedBy(name: string, result: Partial<Status> | undefined): StatusError {
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`;
  const explanation = result?.message || result?.reason;
  const code = result?.code ?? 0;
  return new StatusError({
    kind: "Status",
    apiVersion: "v1",
    ...result,
    metadata: result?.metadata ?? {},
    status: !result?.status || result.status === "Success" ? "Failure" : result.status,
    message: explanation ? `${denied}: ${explanation}` : `${denied} without explanation`,
    code: code < 400 ? 400 : code,
  });
}

/** What the client is told of a failed call where the webhook may not be left out. */
export const failedClosed = (failure: CallFailure): StatusError => internalError(failure);
