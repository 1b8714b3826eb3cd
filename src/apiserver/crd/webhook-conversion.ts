import type { UnknownObject } from "../../api/object.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { validateAnnotations, validateLabels } from "../../api/resources/label-checks.ts";
import { StatusError } from "../../api/status-error.ts";
import { isJsonObject } from "../../api/structural/structural.ts";
import type { CustomResourceConversion } from "../../api/types/apiextensions.v1.ts";
import type { ObjectMeta } from "../../api/types/meta.v1.ts";
import type { Random } from "../../base/random.ts";
import { type WebhookCaller, type WebhookClientConfig, WebhookError } from "../webhook/webhook-client.ts";

/** Objects in another version. Those that are in it already are given back as they are; others are new. */
export type Convert = (objects: readonly UnknownObject[], apiVersion: string) => Promise<UnknownObject[]>;

/** How long upstream waits for a conversion. */
const TIMEOUT_MS = 30_000;
const REVIEW_VERSIONS = ["v1", "v1beta1"];

interface ConversionReview {
  apiVersion?: unknown;
  kind?: unknown;
  response?: {
    uid?: string;
    convertedObjects?: unknown[];
    result?: { status?: string; message?: string };
  } | null;
}

/**
 * Conversion by a webhook (apiextensions.k8s.io ConversionReview). Rejects with a 500 in upstream's words where the webhook
 * fails, or changes what it must not.
 */
export function webhookConversion(
  conversion: CustomResourceConversion,
  services: { webhooks: WebhookCaller; random: Random },
): Convert {
  const { webhooks, random } = services;
  const { clientConfig, conversionReviewVersions = [] } = conversion.webhook ?? {};
  const reviewVersion = conversionReviewVersions.find((version) => REVIEW_VERSIONS.includes(version));
  return async (objects, apiVersion) => {
    const wanted = objects.filter((object) => object.apiVersion !== apiVersion);
    if (wanted.length === 0) return [...objects];
    if (!reviewVersion) throw failure("no supported conversion review versions");
    const { apiVersion: from, kind } = wanted[0]!;
    const subject = `conversion webhook for ${from}, Kind=${kind}`;
    const uid = random.uuid();
    const review = {
      kind: "ConversionReview",
      apiVersion: `apiextensions.k8s.io/${reviewVersion}`,
      request: { uid, desiredAPIVersion: apiVersion, objects: wanted },
    };
    let answer: ConversionReview;
    try {
      answer = (await webhooks.call(clientConfig as WebhookClientConfig, review, {
        timeoutMs: TIMEOUT_MS,
      })) as ConversionReview;
    } catch (error) {
      if (error instanceof WebhookError) throw failure(`${subject} failed: ${error.message}`);
      throw error;
    }
    const problem = problemOf(answer, uid, reviewVersion);
    if (problem !== undefined) throw failure(`${subject} failed: ${problem}`);
    const converted = answer.response?.convertedObjects ?? [];
    if (converted.length !== wanted.length) {
      throw failure(`${subject} returned ${converted.length} objects, expected ${wanted.length}`);
    }
    const results = wanted.map((original, index) => {
      try {
        return checked(original, converted[index], apiVersion);
      } catch (error) {
        if (!(error instanceof ConvertedObjectError)) throw error;
        throw failure(`${subject} returned invalid converted object at index ${index}: ${error.message}`);
      }
    });
    let at = 0;
    return objects.map((object) => (object.apiVersion === apiVersion ? object : results[at++]!));
  };
}

function failure(message: string): StatusError {
  return new StatusError({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code: 500 });
}

/** What is wrong with the answer as a whole. */
function problemOf(answer: ConversionReview, uid: string, reviewVersion: string): string | undefined {
  const { response } = answer ?? {};
  if (reviewVersion === "v1") {
    const expected = "apiextensions.k8s.io/v1, Kind=ConversionReview";
    const actual = `${answer?.apiVersion ?? ""}, Kind=${answer?.kind ?? ""}`;
    if (actual !== expected) return `expected webhook response of ${expected}, got ${actual}`;
  }
  if (!response) return "no response provided";
  if (reviewVersion === "v1" && response.uid !== uid) {
    return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? "")}`;
  }
  const { status = "", message } = response.result ?? {};
  if (status === "Success") return undefined;
  return message || `response.result.status was '${status}', not 'Success'`;
}

class ConvertedObjectError extends Error {}

/** The converted object with the original's metadata, of which only labels and annotations may change. */
function checked(original: UnknownObject, converted: unknown, apiVersion: string): UnknownObject {
  const fail = (message: string): never => {
    throw new ConvertedObjectError(message);
  };
  if (!isJsonObject(converted)) return fail("no object");
  const object = converted as UnknownObject;
  if (object.apiVersion !== apiVersion) {
    fail(`invalid groupVersion (expected ${apiVersion}, received ${object.apiVersion ?? ""})`);
  }
  if (object.kind !== original.kind) fail(`invalid kind (expected ${original.kind}, received ${object.kind ?? ""})`);
  const before: ObjectMeta = original.metadata ?? {};
  const given: unknown = object.metadata;
  if (given === undefined) fail("missing metadata in converted object");
  if (!isJsonObject(given)) return fail("invalid metadata in converted object");
  for (const [field, name] of [
    ["name", "name"],
    ["namespace", "namespace"],
    ["uid", "UID"],
  ] as const) {
    const [a, b] = [before[field] ?? "", given[field] ?? ""];
    if (a !== b) fail(`must have the same ${name}: ${a} != ${b}`);
  }
  const metadata: ObjectMeta = { ...before };
  for (const field of ["labels", "annotations"] as const) {
    const value = given[field];
    if (value === undefined || value === null) {
      delete metadata[field];
      continue;
    }
    if (!isJsonObject(value)) return fail(`invalid metadata.${field} in converted object`);
    for (const [key, text] of Object.entries(value)) {
      if (typeof text !== "string") fail(`metadata.${field}[${key}] must be a string in converted object`);
    }
    const texts = value as Record<string, string>;
    const errors: FieldError[] = [];
    if (field === "labels") validateLabels(texts, "metadata.labels", errors);
    else validateAnnotations(texts, "metadata.annotation", errors);
    if (errors.length > 0) fail(errors.map((one) => `${one.field}: ${one.message}`).join(", "));
    metadata[field] = texts;
  }
  return { ...object, metadata };
}
