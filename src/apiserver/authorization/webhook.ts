import type { CelProgram } from "../../api/cel/cel.ts";
import { parseFieldSelector } from "../../api/field-selector.ts";
import { parseLabelSelector } from "../../api/label-selector.ts";
import type { SubjectAccessReviewSpec, SubjectAccessReviewStatus } from "../../api/types/authorization.v1.ts";
import type { AuthorizationAttributes, AuthorizationDecision } from "../authorization.ts";
import { ExpiringCache } from "../expiring-cache.ts";
import { callReview, type ReviewCalls } from "../review-webhook.ts";
import type { WebhookClientConfig } from "../webhook/webhook-client.ts";
import type { AuthorizationMetrics } from "./metrics.ts";
import type { ResolvingAuthorizer } from "./union.ts";

/** A webhook that decides, as configured. */
export interface AuthorizationWebhook {
  readonly config: WebhookClientConfig;
  /** Of the SubjectAccessReviews that are sent. */
  readonly version: "v1" | "v1beta1";
  readonly timeoutMs: number;
  /** How long answers are remembered. 0: not at all. */
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  /** What a failure to get an answer comes to. */
  readonly onFailure: "deny" | "no-opinion";
  /** All must hold, or the webhook is not asked. The variable `request` is the review's spec. */
  readonly conditions: readonly CelProgram[];
}

/** As upstream: answers that are remembered, and the size of a question beyond which its answer isn't. */
const REMEMBERED = 8192;
const MAX_REMEMBERED_QUESTION = 10_000;
/** What all conditions together may cost, in upstream's units. */
const CONDITIONS_BUDGET = 2_500_000;

/**
 * The mode Webhook: asks a service by SubjectAccessReview.
 * See https://kubernetes.io/docs/reference/access-authn-authz/webhook/.
 */
export function webhookAuthorizer(
  name: string,
  webhook: AuthorizationWebhook,
  calls: ReviewCalls & { metrics?: AuthorizationMetrics },
): ResolvingAuthorizer {
  const { metrics, clock } = calls;
  const cache = new ExpiringCache<SubjectAccessReviewStatus>(clock, REMEMBERED);
  const failed = (error: string): AuthorizationDecision => ({ decision: webhook.onFailure, error });
  const ask = async (spec: SubjectAccessReviewSpec): Promise<SubjectAccessReviewStatus> => {
    const { groups, ...rest } = spec;
    const body = {
      kind: "SubjectAccessReview",
      apiVersion: `authorization.k8s.io/${webhook.version}`,
      metadata: { creationTimestamp: null },
      // The older version calls the groups `group`.
      spec: groups?.length ? { ...rest, [webhook.version === "v1" ? "groups" : "group"]: groups } : rest,
      status: { allowed: false },
    };
    let result = "error";
    const observed = {
      ...calls,
      observe(code: string, outcome: "success" | "timeout" | "error", seconds: number) {
        result = outcome;
        metrics?.webhookCalled(name, outcome, seconds);
        calls.observe?.(code, outcome, seconds);
      },
    };
    try {
      const answer = (await callReview(observed, webhook.config, body, webhook.timeoutMs)) as {
        status?: SubjectAccessReviewStatus;
      } | null;
      return answer?.status ?? { allowed: false };
    } catch (error) {
      if (webhook.onFailure === "no-opinion") metrics?.webhookFailedOpen(name, result);
      throw error;
    }
  };
  const authorize = async (attributes: AuthorizationAttributes): Promise<AuthorizationDecision> => {
    const spec = reviewSpec(attributes);
    if (webhook.conditions.length > 0) {
      const started = clock.monotonic();
      const outcome = evaluate(webhook.conditions, spec);
      metrics?.conditionsEvaluated(name, outcome.kind, (clock.monotonic() - started) / 1000);
      if (outcome.kind === "error") return failed(outcome.error);
      if (outcome.kind === "excluded") return { decision: "no-opinion" };
    }
    const key = JSON.stringify(spec);
    let status = cache.get(key);
    if (!status) {
      try {
        status = await ask(spec);
      } catch (error) {
        return failed((error as Error).message);
      }
      if (questionSize(attributes) < MAX_REMEMBERED_QUESTION) {
        cache.set(key, status, status.allowed ? webhook.authorizedTtlMs : webhook.unauthorizedTtlMs);
      }
    }
    const reason = status.reason ? { reason: status.reason } : {};
    if (status.denied && status.allowed) {
      const error = "webhook subject access review returned both allow and deny response";
      return { decision: "deny", ...reason, error };
    }
    return { decision: status.denied ? "deny" : status.allowed ? "allow" : "no-opinion", ...reason };
  };
  return {
    authorize,
    rulesFor: () => ({
      rules: [],
      incomplete: true,
      errors: ["webhook authorizer does not support user rule resolution"],
    }),
  };
}

/** The question as a review asks it. */
function reviewSpec(attributes: AuthorizationAttributes): SubjectAccessReviewSpec {
  const { user, verb, path } = attributes;
  const who = {
    user: user.name,
    ...(user.groups.length > 0 ? { groups: [...user.groups] } : {}),
    ...(user.extra ? { extra: user.extra as Record<string, string[]> } : {}),
    ...(user.uid ? { uid: user.uid } : {}),
  };
  if (attributes.resource === undefined) return { nonResourceAttributes: { path: path ?? "", verb }, ...who };
  const { namespace, group, version, resource, subresource, name } = attributes;
  const set = { namespace, verb, group, version, resource, subresource, name };
  const given = Object.fromEntries(Object.entries(set).filter(([, value]) => value));
  const field = fieldRequirements(attributes.fieldSelector);
  const label = labelRequirements(attributes.labelSelector);
  return {
    resourceAttributes: {
      ...given,
      ...(field.length > 0 ? { fieldSelector: { requirements: field } } : {}),
      ...(label.length > 0 ? { labelSelector: { requirements: label } } : {}),
    },
    ...who,
  };
}

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

/** A selector narrows what is asked for: one that can't be read is left out, and more is asked for. */
function fieldRequirements(selector: string | undefined): Requirement[] {
  if (!selector) return [];
  try {
    return parseFieldSelector(selector).requirements.map(({ field, operator, value }) => ({
      key: field,
      operator: operator === "!=" ? "NotIn" : "In",
      values: [value],
    }));
  } catch {
    return [];
  }
}

const LABEL_OPERATORS: Readonly<Record<string, string>> = {
  "=": "In",
  "==": "In",
  in: "In",
  "!=": "NotIn",
  notin: "NotIn",
  exists: "Exists",
  "!": "DoesNotExist",
};

function labelRequirements(selector: string | undefined): Requirement[] {
  if (!selector) return [];
  try {
    return parseLabelSelector(selector).requirements.flatMap(({ key, operator, values }) => {
      const known = LABEL_OPERATORS[operator];
      return known ? [{ key, operator: known, ...(values.length > 0 ? { values: [...values] } : {}) }] : [];
    });
  } catch {
    return [];
  }
}

type Outcome = { kind: "matched" | "excluded" } | { kind: "error"; error: string };

function evaluate(conditions: readonly CelProgram[], spec: SubjectAccessReviewSpec): Outcome {
  const { resourceAttributes: resource, nonResourceAttributes } = spec;
  const request = {
    user: spec.user ?? "",
    groups: spec.groups ?? [],
    uid: spec.uid ?? "",
    extra: spec.extra ?? {},
    // Every text is there, empty where nothing is asked about it.
    ...(resource
      ? {
          resourceAttributes: {
            namespace: "",
            verb: "",
            group: "",
            version: "",
            resource: "",
            subresource: "",
            name: "",
            ...resource,
          },
        }
      : {}),
    ...(nonResourceAttributes ? { nonResourceAttributes } : {}),
  };
  const budget = { remaining: CONDITIONS_BUDGET };
  const errors: string[] = [];
  for (const condition of conditions) {
    try {
      if (condition.evaluate({ request }, budget) !== true) return { kind: "excluded" };
    } catch (error) {
      errors.push(
        `cel evaluation error: expression '${condition.source}' resulted in error: ${(error as Error).message}`,
      );
    }
  }
  if (errors.length === 0) return { kind: "matched" };
  return { kind: "error", error: errors.length === 1 ? errors[0]! : `[${errors.join(", ")}]` };
}

function questionSize(attributes: AuthorizationAttributes): number {
  const { namespace, verb, group, version, resource, subresource, name, path } = attributes;
  const parts = [namespace, verb, group, version, resource, subresource, name, path];
  return parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
}
