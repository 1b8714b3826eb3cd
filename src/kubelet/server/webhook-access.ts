import { subjectAccessReviews, tokenReviews } from "../../api/resource-types.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Clock } from "../../base/clock.ts";
import type { Client } from "../../client/client.ts";
import type { ServerAccess } from "./access.ts";

export interface WebhookAccessOptions {
  client: Client;
  clock: Clock;
  /** Upstream's `authentication.webhook.cacheTTL` and `authorization.webhook.cache…TTL`. */
  authenticationMs?: number;
  authorizedMs?: number;
  unauthorizedMs?: number;
}

const MAX_ENTRIES = 1024;

/** Asks the API server by TokenReview and SubjectAccessReview; answers are kept for a while. Rejects where it can't be asked. */
export function webhookAccess(options: WebhookAccessOptions): ServerAccess {
  const { client, clock } = options;
  const users = expiringCache<UserInfo | undefined>(clock);
  const decisions = expiringCache<{ allowed: boolean; reason?: string }>(clock);
  return {
    authenticateToken: (token) =>
      users.get(
        token,
        async () => {
          const { status } = await client.resource(tokenReviews).create({
            apiVersion: "authentication.k8s.io/v1",
            kind: "TokenReview",
            spec: { token },
          });
          if (!status?.authenticated) return undefined;
          const { username = "", uid, groups = [], extra } = status.user ?? {};
          return { name: username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
        },
        () => options.authenticationMs ?? 120_000,
      ),
    authorize: (user, { verb, subresource, nodeName }) =>
      decisions.get(
        JSON.stringify([user.name, user.uid, user.groups, user.extra, verb, subresource]),
        async () => {
          const { status } = await client.resource(subjectAccessReviews).create({
            apiVersion: "authorization.k8s.io/v1",
            kind: "SubjectAccessReview",
            spec: {
              user: user.name,
              groups: [...user.groups],
              ...(user.uid ? { uid: user.uid } : {}),
              ...(user.extra ? { extra: mutable(user.extra) } : {}),
              resourceAttributes: { verb, version: "v1", resource: "nodes", subresource, name: nodeName },
            },
          });
          return { allowed: status?.allowed === true, ...(status?.reason ? { reason: status.reason } : {}) };
        },
        ({ allowed }) => (allowed ? (options.authorizedMs ?? 300_000) : (options.unauthorizedMs ?? 30_000)),
      ),
  };
}

const mutable = (extra: Readonly<Record<string, readonly string[]>>) =>
  Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));

/** Answers that are kept for a time that depends on them; equal questions that are under way are asked once. */
function expiringCache<T>(clock: Clock) {
  const entries = new Map<string, { value: Promise<T>; expires: number }>();
  return {
    get(key: string, ask: () => Promise<T>, lifetime: (value: T) => number): Promise<T> {
      const found = entries.get(key);
      if (found && found.expires > clock.monotonic()) return found.value;
      // Insertion order is the order of age.
      entries.delete(key);
      if (entries.size >= MAX_ENTRIES) entries.delete(entries.keys().next().value!);
      const entry = { value: ask(), expires: Number.POSITIVE_INFINITY };
      entries.set(key, entry);
      entry.value.then(
        (value) => {
          entry.expires = clock.monotonic() + lifetime(value);
        },
        () => {
          if (entries.get(key) === entry) entries.delete(key);
        },
      );
      return entry.value;
    },
  };
}
