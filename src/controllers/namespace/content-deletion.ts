import type { KubeObject } from "../../api/object.ts";
import { pods } from "../../api/resource-types.ts";
import { isNotFound, StatusError } from "../../api/status-error.ts";
import type { Client } from "../../client/client.ts";
import { type DiscoveredResource, discover } from "../discovery.ts";
import { isFinished } from "../pod-state.ts";
import type { DeletionOutcome } from "./conditions.ts";

/** How long finalizers are given before they are looked at again, as upstream. */
const FINALIZER_ESTIMATE_SECONDS = 15;
const PAGE = 500;

export interface ContentDeletion extends DeletionOutcome {
  /** When what is left may be gone, in seconds; 0 where nothing is left. */
  readonly estimateSeconds: number;
}

/**
 * Deletes everything in a namespace, once, and counts what is left. Pods go first and all else waits for them
 * (KEP-5080): what they run shall not outlive the policies that guard it.
 */
export async function deleteContent(client: Client, namespace: string, signal: AbortSignal): Promise<ContentDeletion> {
  const { resources, failures } = await discover(client, signal);
  const errors: string[] = [];
  const remaining = new Map<string, number>();
  const finalizers = new Map<string, number>();
  let estimateSeconds = 0;

  const empty = async (resource: DiscoveredResource) => {
    const name = `${resource.resource}.${resource.group}`;
    try {
      const isPods = resource.group === "" && resource.resource === "pods";
      const grace = isPods ? await longestGrace(client, namespace, signal) : 0;
      const left = await emptyResource(client, resource, namespace, signal);
      if (left.length === 0) return;
      remaining.set(name, left.length);
      const held = left.filter((object) => (object.metadata?.finalizers?.length ?? 0) > 0);
      for (const finalizer of held.flatMap((object) => object.metadata?.finalizers ?? [])) {
        finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
      }
      if (grace > 0) estimateSeconds = Math.max(estimateSeconds, grace);
      else if (held.length > 0) estimateSeconds = Math.max(estimateSeconds, FINALIZER_ESTIMATE_SECONDS);
      else errors.push(`unexpected items still remain in namespace: ${namespace} for gvr: ${name}`);
    } catch (error) {
      signal.throwIfAborted();
      errors.push(error instanceof Error ? error.message : String(error));
    }
  };
  const deletable = resources.filter(({ namespaced, verbs }) => namespaced && verbs.includes("delete"));
  const isPods = ({ group, resource }: DiscoveredResource) => group === "" && resource === "pods";
  await Promise.all(deletable.filter(isPods).map(empty));
  if (remaining.size === 0 && errors.length === 0) {
    await Promise.all(deletable.filter((resource) => !isPods(resource)).map(empty));
  }
  return { undiscovered: [...failures.keys()], errors, remaining, finalizers, estimateSeconds };
}

/** Deletes the objects of one resource and returns what is left of them. */
async function emptyResource(
  client: Client,
  discovered: DiscoveredResource,
  namespace: string,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  const resource = client.resource(discovered);
  const metadata = client.resource(discovered, { metadataOnly: true });
  const list = async () => {
    const left: KubeObject[] = [];
    let page: string | undefined;
    do {
      const part = await metadata.list({ namespace, limit: PAGE, ...(page ? { continue: page } : {}), signal });
      left.push(...part.items);
      page = part.metadata?.continue;
    } while (page);
    return left;
  };
  const listable = discovered.verbs.includes("list");
  if (discovered.verbs.includes("deletecollection")) {
    try {
      await resource.deleteCollection({ namespace, signal }, { propagationPolicy: "Background" });
      return listable ? await list() : [];
    } catch (error) {
      if (!isUnsupported(error)) throw error;
    }
  }
  if (!listable) return [];
  for (const { metadata } of await list()) {
    await resource
      .delete(metadata?.name ?? "", namespace, { propagationPolicy: "Background", signal })
      .catch((error) => {
        if (!isNotFound(error) && !isUnsupported(error)) throw error;
      });
  }
  return list();
}

const isUnsupported = (error: unknown): boolean =>
  error instanceof StatusError && (error.code === 405 || (error.code === 404 && !error.status.details?.name));

/** The longest grace period of the pods that still run, in seconds. */
async function longestGrace(client: Client, namespace: string, signal: AbortSignal): Promise<number> {
  const { items } = await client.resource(pods).list({ namespace, signal });
  return Math.max(
    0,
    ...items.filter((pod) => !isFinished(pod)).map((pod) => pod.spec?.terminationGracePeriodSeconds ?? 30),
  );
}
