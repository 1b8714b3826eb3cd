import { createHash } from "node:crypto";
import type { TokenReview } from "../../api/types/authentication.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import { ExpiringCache } from "../expiring-cache.ts";
import { callReview, type ReviewCalls } from "../review-webhook.ts";
import type { WebhookClientConfig } from "../webhook/webhook-client.ts";
import type { TokenAuthenticator, TokenUser } from "./bearer.ts";

export interface TokenWebhookOptions extends ReviewCalls {
  config: WebhookClientConfig;
  /** Of the TokenReviews that are sent. Upstream's default is v1beta1. */
  version: "v1" | "v1beta1";
  /** How long answers are remembered, good or bad. */
  cacheTtlMs: number;
  /** What a token is taken to be for where the webhook doesn't say. */
  audiences: readonly string[];
}

const REMEMBERED = 4096;

/**
 * Asks a webhook whom a token speaks for. Failures to reach it are not remembered.
 * See https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication.
 */
export function tokenWebhookAuthenticator(options: TokenWebhookOptions): TokenAuthenticator {
  const { config, version, cacheTtlMs, clock } = options;
  const cache = new ExpiringCache<{ found: TokenUser | undefined; error?: string }>(clock, REMEMBERED);
  const running = new Map<string, Promise<{ found: TokenUser | undefined; error?: string }>>();

  const ask = async (token: string, presentedTo: readonly string[]) => {
    const body = {
      kind: "TokenReview",
      apiVersion: `authentication.k8s.io/${version}`,
      metadata: { creationTimestamp: null },
      spec: { token, audiences: presentedTo },
      status: { user: {} },
    };
    const answer = (await callReview(options, config, body)) as TokenReview | null;
    const status = answer?.status ?? {};
    const meant = status.audiences?.length ? status.audiences : options.audiences;
    const audiences = presentedTo.filter((audience) => meant.includes(audience));
    if (audiences.length === 0) return { found: undefined };
    if (!status.authenticated) {
      return { found: undefined, ...(status.error ? { error: status.error } : {}) };
    }
    const { username = "", uid, groups = [], extra } = status.user ?? {};
    const user: UserInfo = { name: username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
    return { found: { user, audiences } };
  };

  return {
    async authenticateToken(token, presentedTo) {
      const key = createHash("sha256")
        .update(JSON.stringify([token, presentedTo]))
        .digest("base64");
      let answer = cache.get(key);
      if (!answer) {
        let asking = running.get(key);
        if (!asking) {
          asking = ask(token, presentedTo).finally(() => running.delete(key));
          running.set(key, asking);
        }
        answer = await asking;
        // As upstream, an answer that carries an error is not kept.
        if (answer.error === undefined) cache.set(key, answer, cacheTtlMs);
      }
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.found;
    },
  };
}
