import { timingSafeEqual } from "node:crypto";
import { secrets } from "../../api/resource-types.ts";
import type { Secret } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Lookup } from "../lookup.ts";
import type { TokenAuthenticator } from "./bearer.ts";

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const DEFAULT_GROUP = "system:bootstrappers";
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Machines that join, by a token kept as a Secret of type `bootstrap.kubernetes.io/token` in kube-system. Anything that
 * is wrong with the token makes it an unknown one, as upstream does.
 * See https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/.
 */
export function bootstrapTokenAuthenticator(options: { lookup: Lookup; clock: Clock }): TokenAuthenticator {
  return {
    async authenticateToken(token, audiences) {
      const [, id, value] = TOKEN.exec(token) ?? [];
      if (!id || !value) return undefined;
      const secret = await options.lookup.get(secrets, `bootstrap-token-${id}`, "kube-system");
      if (!secret || !isValid(secret, id, value, options.clock.now())) return undefined;
      const groups = [DEFAULT_GROUP, ...field(secret, "auth-extra-groups").split(",")]
        .map((group) => group.trim())
        .filter((group) => group !== "");
      if (!groups.every((group) => group === DEFAULT_GROUP || EXTRA_GROUP.test(group))) return undefined;
      return { user: { name: `system:bootstrap:${id}`, groups: [...new Set(groups)].sort() }, audiences };
    },
  };
}

function isValid(secret: Secret, id: string, value: string, now: number): boolean {
  if (secret.metadata?.deletionTimestamp || secret.type !== "bootstrap.kubernetes.io/token") return false;
  const [stored, given] = [Buffer.from(field(secret, "token-secret")), Buffer.from(value)];
  if (stored.length !== given.length || !timingSafeEqual(stored, given)) return false;
  const expiration = field(secret, "expiration");
  // A date that can't be read counts as past: better no access than one without end.
  if (expiration !== "" && !(Date.parse(expiration) > now)) return false;
  return field(secret, "token-id") === id && field(secret, "usage-bootstrap-authentication") === "true";
}

const field = (secret: Secret, key: string) => Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");
