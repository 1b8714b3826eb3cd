import { secretsOf } from "../../api/pod-references.ts";
import { configMaps, pods, secrets, serviceAccounts } from "../../api/resource-types.ts";
import { isConflict, isNotFound } from "../../api/status-error.ts";
import type { ConfigMap, Pod, Secret, ServiceAccount } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { type Controller, type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { belongsTo, claimedAccount, TOKEN_TYPE } from "./token-secrets.ts";

const NAME = "legacy-serviceaccount-token-cleaner-controller";
const LAST_USED = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since";
/** Where the API server says since when it notes the use of tokens. */
const TRACKING = "kube-apiserver-legacy-service-account-token-tracking";
const DAY_MS = 86_400_000;
/** How often all tokens are looked through. */
const SYNC_MS = DAY_MS;

/**
 * Takes away the tokens in Secrets that were once made for each account by themselves, where nobody uses them: first
 * they are marked invalid, then, as long again later, deleted (KEP-2799). Secrets that somebody made stay.
 */
export const legacyTokenCleaner: ControllerDefinition = {
  name: NAME,
  alias: "legacy-service-account-token-cleaner",
  serviceAccount: "legacy-service-account-token-cleaner",
  create,
};

export interface ObservedTokens {
  /** The day from which on the API server notes uses (`2026-01-31`). */
  readonly trackedSince: string | undefined;
  readonly secrets: readonly Secret[];
  accountOf(secret: Secret): ServiceAccount | undefined;
  podsIn(namespace: string): readonly Pod[];
}

export interface Removal {
  readonly secret: Secret;
  readonly do: "invalidate" | "delete";
}

/** What is to be done at `now` (ms of wall time), where tokens that are unused for `periodMs` have to go. */
export function planRemovals(observed: ObservedTokens, now: number, periodMs: number): Removal[] {
  const since = dayOf(observed.trackedSince);
  // The day on which tracking began was not tracked as a whole.
  if (since === undefined || now < since + DAY_MS + periodMs) return [];
  const keepFrom = dayText(now - periodMs);
  const used = new Map<string, Set<string>>();
  const isMounted = ({ metadata }: Secret) => {
    const namespace = metadata?.namespace ?? "";
    let names = used.get(namespace);
    if (!names) {
      names = new Set(observed.podsIn(namespace).flatMap((pod) => [...secretsOf(pod)]));
      used.set(namespace, names);
    }
    return names.has(metadata?.name ?? "");
  };
  return observed.secrets.flatMap((secret): Removal[] => {
    const { creationTimestamp = "", deletionTimestamp, labels = {}, name } = secret.metadata ?? {};
    if (deletionTimestamp || !(Date.parse(creationTimestamp) < now - periodMs)) return [];
    const lastUsed = labels[LAST_USED];
    // When a day that can't be read was, nobody knows.
    if (lastUsed !== undefined && (dayOf(lastUsed) === undefined || lastUsed >= keepFrom)) return [];
    // Only those that are mentioned by their account were made by themselves.
    if (!observed.accountOf(secret)?.secrets?.some((reference) => reference.name === name)) return [];
    if (isMounted(secret)) return [];
    const invalidSince = labels[INVALID_SINCE];
    if (dayOf(invalidSince) === undefined) return [{ secret, do: "invalidate" }];
    return invalidSince! < keepFrom ? [{ secret, do: "delete" }] : [];
  });
}

/** The start of a day, in ms of wall time; undefined for a text that is none. */
function dayOf(text: string | undefined): number | undefined {
  if (!text || !/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const start = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(start) || dayText(start) !== text ? undefined : start;
}

const dayText = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function create(context: ControllerContext): Controller {
  const { client, clock, informers, logger, settings } = context;
  const secretClient = client.resource(secrets);
  const secretInformer = informers.informer(secrets, { fieldSelector: `type=${TOKEN_TYPE}` });
  const accountInformer = informers.informer(serviceAccounts);
  const podInformer = informers.informer(pods);
  const controller = keyedController(context, { name: NAME, reconcile });
  controller.queue.add("tokens");

  async function reconcile(_: string, signal: AbortSignal): Promise<ReconcileResult> {
    // A run that fails is made good by the next one: nothing here is urgent.
    const tracking = await client
      .resource(configMaps)
      .get(TRACKING, "kube-system", { signal })
      .catch((error): ConfigMap | undefined => {
        logger.error("when the tracking of legacy tokens began is not known", { error });
        return undefined;
      });
    const now = clock.now();
    const observed: ObservedTokens = {
      trackedSince: tracking?.data?.since,
      secrets: secretInformer.list(),
      accountOf(secret) {
        const account = accountInformer.get(claimedAccount(secret).key);
        return account && belongsTo(secret, account) ? account : undefined;
      },
      podsIn: (namespace) => podInformer.list(namespace),
    };
    for (const removal of planRemovals(observed, now, settings.legacyTokenCleanUpPeriodMs)) {
      const { namespace, name } = removal.secret.metadata!;
      logger.info("an unused token of a ServiceAccount is taken away", { namespace, name, do: removal.do });
      await act(removal, now, signal).catch((error) => {
        if (signal.aborted) throw error;
        if (isNotFound(error) || isConflict(error)) return;
        logger.error("an unused token could not be taken away", { namespace, name, error });
      });
    }
    return { requeueAfterMs: SYNC_MS };
  }

  async function act({ secret, do: what }: Removal, now: number, signal: AbortSignal): Promise<void> {
    const { name = "", namespace, uid, resourceVersion } = secret.metadata ?? {};
    if (what === "invalidate") {
      const patch = { metadata: { uid, labels: { [INVALID_SINCE]: dayText(now) } } };
      await secretClient.patch(name, namespace, "merge", patch, { signal });
    } else {
      // Not where it was used in the meantime.
      await secretClient.delete(name, namespace, { preconditions: { resourceVersion }, signal });
    }
  }
  return controller;
}
