import { serviceAccounts } from "../../api/resource-types.ts";
import type { TokenRequest } from "../../api/types/authentication.v1.ts";
import type { Pod, ServiceAccountTokenProjection } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { Client } from "../../client/client.ts";
import { podName, podNamespace, podUid } from "../pod/pod.ts";

/** Tokens for pods, by TokenRequest, bound to the pod: asked for once and again when 80% of their life (or a day) is over. */
export interface ServiceAccountTokens {
  /** Rejects where there is no valid token and none can be had. */
  token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string>;
  forgetPod(podUid: string): void;
}

const DEFAULT_EXPIRATION_SECONDS = 3600;
const LONGEST_USE_MS = 24 * 3_600_000;
/** Spreads the renewals of tokens that were made together. */
const JITTER_MS = 10_000;

interface Entry {
  token: string;
  expiresAt: number;
  renewAt: number;
}

export function serviceAccountTokens(options: {
  client: Client;
  clock: Clock;
  random: Random;
  logger: Logger;
}): ServiceAccountTokens {
  const { client, clock, random, logger } = options;
  const tokens = new Map<string, Entry>();
  /** A question under way is shared: an init container and a volume may want the same token. */
  const asking = new Map<string, Promise<string>>();

  const ask = async (key: string, pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> => {
    const seconds = projection.expirationSeconds ?? DEFAULT_EXPIRATION_SECONDS;
    const account = pod.spec?.serviceAccountName || "default";
    const request: TokenRequest = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        audiences: projection.audience ? [projection.audience] : [],
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name: podName(pod), uid: podUid(pod) },
      },
    };
    const asked = clock.now();
    const answer = await client
      .resource(serviceAccounts)
      .createSubresource<TokenRequest>(account, podNamespace(pod), "token", request);
    const token = answer.status?.token;
    if (!token) throw new Error(`the API server gave no token for service account ${podNamespace(pod)}/${account}`);
    const expiresAt = Date.parse(answer.status?.expirationTimestamp ?? "");
    const life = Math.min((expiresAt - asked) * 0.8, LONGEST_USE_MS);
    tokens.set(key, { token, expiresAt, renewAt: asked + life - random.next() * JITTER_MS });
    return token;
  };

  return {
    async token(pod, projection) {
      const { audience = "", expirationSeconds = DEFAULT_EXPIRATION_SECONDS } = projection;
      const key = `${podUid(pod)}\n${pod.spec?.serviceAccountName ?? ""}\n${audience}\n${expirationSeconds}`;
      const known = tokens.get(key);
      const now = clock.now();
      if (known && now < known.renewAt) return known.token;
      let request = asking.get(key);
      if (!request) {
        request = ask(key, pod, projection).finally(() => asking.delete(key));
        asking.set(key, request);
      }
      try {
        return await request;
      } catch (error) {
        if (!known || now >= known.expiresAt) {
          throw new Error(`failed to fetch token: ${(error as Error).message}`, { cause: error });
        }
        logger.warn("cannot renew a service account token, keeping the old one", { pod: podName(pod), error });
        return known.token;
      }
    },
    forgetPod(uid) {
      for (const key of tokens.keys()) if (key.startsWith(`${uid}\n`)) tokens.delete(key);
    },
  };
}
