import type { Counter } from "../../base/metrics.ts";
import type { ReviewCalls } from "../review-webhook.ts";
import { abacAuthorizer } from "./abac.ts";
import type { AuthorizationMode, AuthorizerSpec } from "./configuration.ts";
import { AUTHORIZATION_MODES } from "./configuration.ts";
import type { AuthorizationMetrics } from "./metrics.ts";
import { alwaysAllow, alwaysDeny, authorizerUnion, type ResolvingAuthorizer, superuserAuthorizer } from "./union.ts";
import { type AuthorizationWebhook, webhookAuthorizer } from "./webhook.ts";

/** The authorizers that a server has of its own. */
export interface OwnAuthorizers {
  readonly Node: ResolvingAuthorizer;
  readonly RBAC: ResolvingAuthorizer;
}

/**
 * The specs for upstream's --authorization-mode. Throws where a mode is unknown, given twice, or lacks what it is
 * configured by; and where something is configured whose mode is not there.
 */
export function specsForModes(
  modes: readonly string[],
  configured: Pick<Extract<AuthorizerSpec, { type: "ABAC" }>, "policies"> | undefined,
  webhook: AuthorizationWebhook | undefined,
): AuthorizerSpec[] {
  if (modes.length === 0) throw new Error("at least one authorization-mode must be passed");
  const specs = modes.map((mode, index): AuthorizerSpec => {
    if (modes.indexOf(mode) !== index) throw new Error(`authorization-mode ${JSON.stringify(mode)} is given twice`);
    if (!(AUTHORIZATION_MODES as readonly string[]).includes(mode)) {
      throw new Error(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`);
    }
    const type = mode as AuthorizationMode;
    const name = type.toLowerCase();
    if (type === "ABAC") {
      if (!configured) throw new Error("authorization-mode ABAC's authorization policy file not passed");
      return { type, name, policies: configured.policies };
    }
    if (type === "Webhook") {
      if (!webhook) throw new Error("authorization-mode Webhook's authorization config file not passed");
      return { type, name: "default", webhook };
    }
    return { type, name };
  });
  if (configured && !modes.includes("ABAC")) {
    throw new Error("cannot specify --authorization-policy-file without mode ABAC");
  }
  if (webhook && !modes.includes("Webhook")) {
    throw new Error("cannot specify --authorization-webhook-config-file without mode Webhook");
  }
  return specs;
}

/** The authorizers of `specs` in their order, behind the one for superusers. */
export function configuredAuthorizer(
  specs: readonly AuthorizerSpec[],
  own: OwnAuthorizers,
  calls: ReviewCalls & { metrics?: AuthorizationMetrics },
): ResolvingAuthorizer {
  const known = { ...own, AlwaysAllow: alwaysAllow, AlwaysDeny: alwaysDeny };
  const chosen = specs.map((spec) => {
    switch (spec.type) {
      case "Webhook":
        return counted(spec, webhookAuthorizer(spec.name, spec.webhook, calls), calls.metrics);
      case "ABAC":
        return counted(spec, abacAuthorizer(spec.policies), calls.metrics);
      default:
        return counted(spec, known[spec.type], calls.metrics);
    }
  });
  return authorizerUnion([superuserAuthorizer, ...chosen]);
}

/** Counts decisions; stays synchronous where the authorizer is. */
function counted(
  { type, name }: AuthorizerSpec,
  authorizer: ResolvingAuthorizer,
  metrics: AuthorizationMetrics | undefined,
): ResolvingAuthorizer {
  if (!metrics) return authorizer;
  let allowed: Counter | undefined;
  let denied: Counter | undefined;
  const count = (decision: string) => {
    if (decision === "allow") {
      allowed ??= metrics.decisions(type, name, "allowed");
      allowed.add();
    } else if (decision === "deny") {
      denied ??= metrics.decisions(type, name, "denied");
      denied.add();
    }
  };
  return {
    authorize(attributes) {
      const answer = authorizer.authorize(attributes);
      if (answer instanceof Promise) {
        return answer.then((decision) => {
          count(decision.decision);
          return decision;
        });
      }
      count(answer.decision);
      return answer;
    },
    rulesFor: (user, namespace) => authorizer.rulesFor(user, namespace),
  };
}

/** An authorizer that another may take the place of. */
export function replaceableAuthorizer(first: ResolvingAuthorizer): {
  readonly authorizer: ResolvingAuthorizer;
  replace(next: ResolvingAuthorizer): void;
} {
  let current = first;
  return {
    authorizer: {
      authorize: (attributes) => current.authorize(attributes),
      rulesFor: (user, namespace) => current.rulesFor(user, namespace),
    },
    replace(next) {
      current = next;
    },
  };
}
