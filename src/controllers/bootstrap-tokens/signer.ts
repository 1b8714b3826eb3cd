import { createHmac } from "node:crypto";
import { jsonEqual } from "../../api/json-equal.ts";
import { configMaps, secrets } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { ConfigMap, Secret } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { expiresAt, signingToken, TOKEN_SECRETS } from "./token-secrets.ts";

const NAME = "bootstrap-signer-controller";
const KEY = "kube-public/cluster-info";
const CONTENT = "kubeconfig";
const SIGNATURE_PREFIX = "jws-kubeconfig-";

/**
 * Signs the kubeconfig in the ConfigMap kube-public/cluster-info with each token that may: whoever has such a token can
 * then read from anyone where the cluster is, and know that it is true.
 */
export const bootstrapSigner: ControllerDefinition = {
  name: NAME,
  alias: "bootstrapsigner",
  serviceAccount: "bootstrap-signer",
  offByDefault: true,
  create,
};

/** A signature without what it signs (RFC 7515, appendix F), by HS256. */
export function detachedSignature(content: string, token: { id: string; secret: string }): string {
  const encoded = (text: string) => Buffer.from(text).toString("base64url");
  const header = encoded(JSON.stringify({ alg: "HS256", kid: token.id }));
  const signature = createHmac("sha256", token.secret)
    .update(`${header}.${encoded(content)}`)
    .digest("base64url");
  return `${header}..${signature}`;
}

/** The data that the ConfigMap has to have: everything it has, and the signatures of just these tokens. */
export function signedData(data: Readonly<Record<string, string>>, tokens: readonly Secret[], now: number) {
  const content = data[CONTENT];
  if (content === undefined) return data;
  const others = Object.entries(data).filter(([key]) => !key.startsWith(SIGNATURE_PREFIX));
  const signatures = tokens.flatMap((secret) => {
    const token = signingToken(secret, now);
    return token ? [[`${SIGNATURE_PREFIX}${token.id}`, detachedSignature(content, token)] as const] : [];
  });
  return Object.fromEntries([...others, ...signatures]);
}

function create(context: ControllerContext) {
  const { client, clock, informers } = context;
  const tokens = informers.informer(secrets, TOKEN_SECRETS);
  const maps = informers.informer(configMaps, {
    namespace: "kube-public",
    fieldSelector: "metadata.name=cluster-info",
  });
  const controller = keyedController(context, { name: NAME, reconcile });
  const enqueue = () => controller.queue.add(KEY);
  tokens.on({ add: enqueue, update: enqueue, delete: enqueue });
  maps.on({ add: enqueue, update: enqueue });

  async function reconcile(_: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const map: ConfigMap | undefined = maps.get(KEY);
    if (!map) return undefined;
    const now = clock.now();
    const present = map.data ?? {};
    const data = signedData(present, tokens.list(), now);
    if (!jsonEqual(present, data)) {
      await client
        .resource(configMaps)
        .update({ ...map, data }, { signal })
        .catch((error) => {
          if (!isNotFound(error)) throw error;
        });
    }
    const ends = tokens
      .list()
      .map(expiresAt)
      .filter((end) => end > now && end < Number.POSITIVE_INFINITY);
    return ends.length > 0 ? { requeueAfterMs: Math.min(...ends) - now } : undefined;
  }
  return controller;
}
