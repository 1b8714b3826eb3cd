import type { Secret } from "../../api/types/core.v1.ts";
import type { InformerOptions } from "../../client/informer.ts";

/** The Secrets that hold tokens by which machines join: those of this type in kube-system. */
export const TOKEN_SECRETS: InformerOptions = {
  namespace: "kube-system",
  fieldSelector: "type=bootstrap.kubernetes.io/token",
};

const NAME = /^bootstrap-token-([a-z0-9]{6})$/;

const field = (secret: Secret, key: string): string => Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");

/** When the token ends, in ms of wall time: Infinity for never, and 0 (long ago) for a time that can't be read. */
export function expiresAt(secret: Secret): number {
  const text = field(secret, "expiration");
  if (text === "") return Number.POSITIVE_INFINITY;
  // RFC 3339; Date.parse alone would take much more.
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}

/** The id and the secret part of a token that may sign; undefined where it may not, or isn't whole. */
export function signingToken(secret: Secret, now: number): { id: string; secret: string } | undefined {
  const [, id] = NAME.exec(secret.metadata?.name ?? "") ?? [];
  const value = field(secret, "token-secret");
  if (!id || id !== field(secret, "token-id") || value === "" || expiresAt(secret) <= now) return undefined;
  return field(secret, "usage-bootstrap-signing") === "true" ? { id, secret: value } : undefined;
}
