import { timingSafeEqual } from "node:crypto";
import type { KubeObject, ResourceType } from "../../api/object.ts";
import { nodes, pods, secrets, serviceAccounts } from "../../api/resource-types.ts";
import { type Claims, LEGACY_ISSUER, type LegacyClaims, type ObjectClaim } from "../../api/service-account-claims.ts";
import {
  EXTRA,
  parseServiceAccountUserName,
  serviceAccountGroups,
  serviceAccountUserName,
} from "../../api/service-account-user.ts";
import type { Secret } from "../../api/types/core.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Clock } from "../../base/clock.ts";
import { isSigned, parseToken, type TokenKey } from "../../base/jwt.ts";
import type { Lookup } from "../lookup.ts";
import type { TokenAuthenticator, TokenUser } from "./bearer.ts";

/** Clocks may differ by this much, and an object being deleted vouches for its tokens this long. */
const LEEWAY_MS = 60_000;
/** Tokens whose signature is remembered. A token is about 1 KB, so this is half a megabyte at most. */
const REMEMBERED = 512;

export interface ServiceAccountTokenOptions {
  /** Accepted `iss` claims; the first is the issuer's own. */
  issuers: readonly string[];
  /** Keys that may have signed; several while keys are rotated. */
  keys: readonly TokenKey[];
  lookup: Lookup;
  clock: Clock;
  /** Called with the Secret of an old token that was used. */
  onLegacyUse?(secret: Secret): void;
}

/**
 * ServiceAccounts by token: those of the TokenRequest API, bound to an object or not, and the old ones kept in Secrets.
 * A signature is verified once and remembered; whether the ServiceAccount and the bound object still exist is asked
 * each time, so a token ends when its pod does.
 */
export function serviceAccountTokenAuthenticator(options: ServiceAccountTokenOptions): TokenAuthenticator {
  const { lookup, clock } = options;
  const verified = new Map<string, Verified>();

  const verify = (token: string): Verified | undefined => {
    const known = verified.get(token);
    if (known) return known;
    const parsed = parseToken(token);
    if (!parsed) return undefined;
    const legacy = parsed.claims.iss === LEGACY_ISSUER;
    if (!legacy && !options.issuers.includes(parsed.claims.iss as string)) return undefined;
    if (!isSigned(parsed, options.keys)) throw new Error("invalid signature, no keys could verify it");
    const entry: Verified = legacy
      ? { legacy: readLegacy(parsed.claims as Partial<LegacyClaims> & { sub?: string }) }
      : { claims: parsed.claims as unknown as Claims };
    if (verified.size >= REMEMBERED) verified.delete(verified.keys().next().value!);
    verified.set(token, entry);
    return entry;
  };

  /** Finds what a claim names, in its first life: same uid, and not deleted for longer than the leeway. */
  const bound = async (type: ResourceType<KubeObject>, claim: ObjectClaim, namespace?: string): Promise<KubeObject> => {
    const object =
      (await lookup.get(type, claim.name, namespace)) ??
      (await lookup.get(type, claim.name, namespace, { fresh: true }));
    const deleted = object?.metadata?.deletionTimestamp;
    if (!object || (deleted && Date.parse(deleted) < clock.now() - LEEWAY_MS)) {
      throw new Error(
        type.resource === "serviceaccounts"
          ? `service account ${namespace}/${claim.name} ${object ? "has been deleted" : "not found"}`
          : "service account token has been invalidated",
      );
    }
    if (object.metadata?.uid !== claim.uid) {
      throw new Error(
        `the uid of ${type.kind} ${claim.name} (${object.metadata?.uid}) does not match claim (${claim.uid})`,
      );
    }
    return object;
  };

  const validate = async (claims: Claims): Promise<UserInfo> => {
    const now = clock.now();
    if (claims.exp * 1000 < now - LEEWAY_MS) throw new Error("service account token has expired");
    if (claims.nbf * 1000 > now + LEEWAY_MS) throw new Error("service account token is not valid yet");
    if (claims.iat * 1000 > now + LEEWAY_MS) throw new Error("service account token is issued in the future");
    const { namespace, serviceaccount, pod, secret, node } = claims["kubernetes.io"];
    await bound(serviceAccounts, serviceaccount, namespace);
    if (secret) await bound(secrets, secret, namespace);
    if (pod) await bound(pods, pod, namespace);
    else if (node) await bound(nodes, node);
    const extra: Record<string, string[]> = {};
    if (claims.jti) extra[EXTRA.credentialId] = [`JTI=${claims.jti}`];
    if (pod) Object.assign(extra, { [EXTRA.podName]: [pod.name], [EXTRA.podUid]: [pod.uid] });
    if (node) extra[EXTRA.nodeName] = [node.name];
    if (node?.uid) extra[EXTRA.nodeUid] = [node.uid];
    return account(namespace, serviceaccount, extra);
  };

  const validateLegacy = async (claims: LegacyClaims, token: string): Promise<UserInfo> => {
    const namespace = claims["kubernetes.io/serviceaccount/namespace"];
    const secretName = claims["kubernetes.io/serviceaccount/secret.name"];
    const name = claims["kubernetes.io/serviceaccount/service-account.name"];
    const uid = claims["kubernetes.io/serviceaccount/service-account.uid"];
    const secret = await lookup.get(secrets, secretName, namespace);
    if (!secret || secret.metadata?.deletionTimestamp) throw new Error("Token has been invalidated");
    const stored = Buffer.from(secret.data?.token ?? "", "base64");
    const given = Buffer.from(token);
    if (stored.length !== given.length || !timingSafeEqual(stored, given)) {
      throw new Error("Token does not match server's copy");
    }
    const owner = await lookup.get(serviceAccounts, name, namespace);
    if (!owner) throw new Error(`service account ${namespace}/${name} not found`);
    if (owner.metadata?.deletionTimestamp) throw new Error(`ServiceAccount ${namespace}/${name} has been deleted`);
    if (owner.metadata?.uid !== uid) {
      throw new Error(`ServiceAccount UID (${owner.metadata?.uid}) does not match claim (${uid})`);
    }
    if (secret.metadata?.labels?.["kubernetes.io/legacy-token-invalid-since"]) {
      throw new Error(
        `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' label from the secret to temporarily allow use of this token`,
      );
    }
    options.onLegacyUse?.(secret);
    return account(namespace, { name, uid }, {});
  };

  return {
    async authenticateToken(token, audiences): Promise<TokenUser | undefined> {
      const entry = verify(token);
      if (!entry) return undefined;
      if (entry.legacy) return { user: await validateLegacy(entry.legacy, token), audiences };
      const meant = [entry.claims.aud ?? []].flat();
      const matching = audiences.filter((audience) => meant.includes(audience));
      if (matching.length === 0) {
        throw new Error(
          `token audiences [${meant.join(" ")}] are invalid for the target audiences [${audiences.join(" ")}]`,
        );
      }
      const user = await validate(entry.claims);
      // One UserInfo per token as long as it is remembered: what others keep by user then stays found.
      entry.user ??= user;
      return { user: entry.user, audiences: matching };
    },
  };
}

type Verified =
  | { readonly claims: Claims; readonly legacy?: undefined; user?: UserInfo }
  | { readonly legacy: LegacyClaims; readonly claims?: undefined };

function account(namespace: string, { name, uid }: ObjectClaim, extra: Record<string, string[]>): UserInfo {
  return {
    name: serviceAccountUserName(namespace, name),
    uid,
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

function readLegacy(claims: Partial<LegacyClaims>): LegacyClaims {
  const subject = parseServiceAccountUserName(claims.sub ?? "");
  for (const key of [
    "kubernetes.io/serviceaccount/namespace",
    "kubernetes.io/serviceaccount/secret.name",
    "kubernetes.io/serviceaccount/service-account.name",
    "kubernetes.io/serviceaccount/service-account.uid",
  ] as const) {
    if (!claims[key]) throw new Error(`${key} claim is missing`);
  }
  const complete = claims as LegacyClaims;
  if (
    subject?.namespace !== complete["kubernetes.io/serviceaccount/namespace"] ||
    subject.name !== complete["kubernetes.io/serviceaccount/service-account.name"]
  ) {
    throw new Error("sub claim is invalid");
  }
  return complete;
}
