import type { Secret, ServiceAccount } from "../../api/types/core.v1.ts";

/** The type of Secrets that hold the token of a ServiceAccount. */
export const TOKEN_TYPE = "kubernetes.io/service-account-token";
export const NAME_ANNOTATION = "kubernetes.io/service-account.name";
export const UID_ANNOTATION = "kubernetes.io/service-account.uid";

/** The account that a Secret says it belongs to; `uid` is absent in one that was just made by hand. */
export function claimedAccount({ metadata }: Secret): { key: string; name: string; uid?: string } {
  const name = metadata?.annotations?.[NAME_ANNOTATION] ?? "";
  const uid = metadata?.annotations?.[UID_ANNOTATION];
  return { key: `${metadata?.namespace}/${name}`, name, ...(uid ? { uid } : {}) };
}

/** Whether the Secret belongs to this very account, and not to one of the same name before it. */
export function belongsTo(secret: Secret, account: ServiceAccount): boolean {
  const { key, uid } = claimedAccount(secret);
  const { namespace, name, uid: actual } = account.metadata ?? {};
  return key === `${namespace}/${name}` && (uid === undefined || uid === actual);
}
