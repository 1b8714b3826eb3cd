import { createPrivateKey } from "node:crypto";
import { objectKey } from "../../api/object.ts";
import { secrets, serviceAccounts } from "../../api/resource-types.ts";
import { LEGACY_ISSUER, type LegacyClaims } from "../../api/service-account-claims.ts";
import { serviceAccountUserName } from "../../api/service-account-user.ts";
import { isConflict, isNotFound } from "../../api/status-error.ts";
import type { Secret, ServiceAccount } from "../../api/types/core.v1.ts";
import { type SigningKey, signingKey, signToken } from "../../base/jwt.ts";
import { type Controller, type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { belongsTo, claimedAccount, NAME_ANNOTATION, TOKEN_TYPE, UID_ANNOTATION } from "./token-secrets.ts";

const NAME = "serviceaccount-token-controller";

/**
 * Fills Secrets of type kubernetes.io/service-account-token with a token of their account, the cluster's authority and
 * the namespace, and deletes those whose account is gone. Needs the key that the API server knows tokens by.
 */
export const serviceAccountTokenController: ControllerDefinition = {
  name: NAME,
  alias: "serviceaccount-token",
  asManager: true,
  create,
};

/** What a Secret of an account lacks; undefined where it has everything. Values are as in `data`, in base64. */
export function missingData(
  secret: Secret,
  rootCa: string | undefined,
): { "ca.crt"?: string; namespace?: string; token?: true } | undefined {
  const { "ca.crt": ca, namespace, token } = secret.data ?? {};
  const wantedCa = rootCa ? base64(rootCa) : undefined;
  const missing = {
    ...(wantedCa !== undefined && ca !== wantedCa ? { "ca.crt": wantedCa } : {}),
    ...(namespace ? {} : { namespace: base64(secret.metadata?.namespace ?? "") }),
    ...(token ? {} : { token: true as const }),
  };
  return Object.keys(missing).length > 0 ? missing : undefined;
}

/** The token of an account that is valid as long as `secret` holds it. */
export function legacyToken(account: ServiceAccount, secret: Secret, key: SigningKey): string {
  const { namespace = "", name = "", uid = "" } = account.metadata ?? {};
  const claims: LegacyClaims = {
    iss: LEGACY_ISSUER,
    "kubernetes.io/serviceaccount/namespace": namespace,
    "kubernetes.io/serviceaccount/secret.name": secret.metadata?.name ?? "",
    "kubernetes.io/serviceaccount/service-account.name": name,
    "kubernetes.io/serviceaccount/service-account.uid": uid,
    sub: serviceAccountUserName(namespace, name),
  };
  return signToken(claims, key);
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function create(context: ControllerContext): Controller {
  const { client, informers, logger, settings } = context;
  const { serviceAccountPrivateKey, rootCa } = settings;
  if (serviceAccountPrivateKey === undefined) {
    logger.warn("no private key of ServiceAccounts was given: their Secrets are not filled");
    return { run: async () => {} };
  }
  const key = signingKey(createPrivateKey(serviceAccountPrivateKey));
  const secretClient = client.resource(secrets);
  const accountClient = client.resource(serviceAccounts);
  const secretInformer = informers.informer(secrets, { fieldSelector: `type=${TOKEN_TYPE}` });
  const accountInformer = informers.informer(serviceAccounts);
  secretInformer.addIndex("account-of-token", (secret) => [claimedAccount(secret).key]);
  const controller = keyedController(context, { name: NAME, workers: settings.concurrentSyncs, reconcile });

  /** Secrets that are gone, and whose accounts may still mention them. */
  const gone = new Map<string, Secret>();
  const enqueue = (secret: Secret) => controller.queue.add(objectKey(secret));
  secretInformer.on({
    add: enqueue,
    update: (_, secret) => enqueue(secret),
    delete(secret) {
      gone.set(objectKey(secret), secret);
      enqueue(secret);
    },
  });
  const enqueueSecrets = (account: ServiceAccount) =>
    secretInformer.byIndex("account-of-token", objectKey(account)).forEach(enqueue);
  accountInformer.on({ add: enqueueSecrets, delete: enqueueSecrets });

  async function reconcile(secretKey: string, signal: AbortSignal): Promise<undefined> {
    const secret = secretInformer.get(secretKey);
    if (!secret) {
      const last = gone.get(secretKey);
      if (last) await removeReference(last, signal);
      gone.delete(secretKey);
      return undefined;
    }
    gone.delete(secretKey);
    if (secret.metadata?.deletionTimestamp) return undefined;
    const account = await accountOf(secret, signal);
    if (!account) {
      const { name = "", namespace, uid } = secret.metadata ?? {};
      await secretClient.delete(name, namespace, { ...(uid ? { preconditions: { uid } } : {}), signal }).catch(ifStale);
      return undefined;
    }
    const missing = missingData(secret, rootCa);
    if (!missing) return undefined;
    const { token, ...rest } = missing;
    const data = {
      ...secret.data,
      ...rest,
      ...(token ? { token: base64(legacyToken(account, secret, key)) } : {}),
    };
    const annotations = {
      ...secret.metadata?.annotations,
      [NAME_ANNOTATION]: account.metadata?.name ?? "",
      [UID_ANNOTATION]: account.metadata?.uid ?? "",
    };
    // Where the copy was out of date, its update brings the Secret here again.
    await secretClient
      .update({ ...secret, metadata: { ...secret.metadata, annotations }, data }, { signal })
      .catch(ifStale);
    return undefined;
  }

  /** The account of a Secret; the server is asked where the copy knows none, since a Secret is deleted for its lack. */
  async function accountOf(secret: Secret, signal: AbortSignal): Promise<ServiceAccount | undefined> {
    const { key: accountKey, name } = claimedAccount(secret);
    const cached = accountInformer.get(accountKey);
    if (cached && belongsTo(secret, cached)) return cached;
    const live = await accountClient.get(name, secret.metadata?.namespace, { signal }).catch(ifGone);
    return live && belongsTo(secret, live) ? live : undefined;
  }

  async function removeReference(secret: Secret, signal: AbortSignal): Promise<void> {
    const { name: secretName, namespace } = secret.metadata ?? {};
    const mentions = (account: ServiceAccount) =>
      belongsTo(secret, account) && account.secrets?.some(({ name }) => name === secretName);
    const { key: accountKey, name } = claimedAccount(secret);
    const cached = accountInformer.get(accountKey);
    if (!cached || !mentions(cached)) return;
    const live = await accountClient.get(name, namespace, { signal }).catch(ifGone);
    if (!live || !mentions(live)) return;
    const left = live.secrets?.filter((reference) => reference.name !== secretName) ?? [];
    await accountClient.update({ ...live, secrets: left }, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }
  return controller;
}

const ifGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};
const ifStale = (error: unknown): undefined => {
  if (!isNotFound(error) && !isConflict(error)) throw error;
};
