import type { MeasuredWrite } from "../../../api/quota/evaluator.ts";
import { quotaEvaluator } from "../../../api/quota/evaluators.ts";
import { resourceQuotas } from "../../../api/resource-types.ts";
import { isConflict, isNotFound } from "../../../api/status-error.ts";
import type { ResourceQuota } from "../../../api/types/core.v1.ts";
import type { Clock } from "../../../base/clock.ts";
import type { ResourceClient } from "../../../client/client.ts";
import type { Lookup } from "../../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import { charge } from "./charge.ts";
import type { LimitedResource } from "./configuration.ts";

/** How often a quota that somebody else changed in between is tried again. */
const RETRIES = 3;

export interface ResourceQuotaOptions {
  lookup: Lookup;
  clock: Clock;
  /** Writes the status of quotas, as a superuser; asked for on the first use. */
  quotas: () => Pick<ResourceClient<ResourceQuota>, "updateStatus">;
  configuration?: { readonly limitedResources?: readonly LimitedResource[] };
}

/**
 * ResourceQuota: nothing is written that would exceed a quota of its namespace. What a write adds is charged to the
 * quotas' status before it happens, by compare-and-swap, so that no two writes share the last bit of a quota; what was
 * charged for a write that then failed is given back by the quota controller.
 *
 * - Writes to one namespace that wait at the same time are charged together, with one status update per quota.
 * - A quota counts from the moment its status says what is used.
 */
export function resourceQuota(options: ResourceQuotaOptions): AdmissionPlugin {
  const queues = new Map<string, Waiting[]>();
  const { limitedResources = [] } = options.configuration ?? {};
  const limitsOf = ({ type }: AdmissionAttributes) =>
    limitedResources.filter(({ apiGroup = "", resource }) => apiGroup === type.group && resource === type.resource);

  /** Charges all that wait in a namespace, until nobody does. */
  const work = async (namespace: string, queue: Waiting[]): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue.splice(0);
      await chargeAll(namespace, batch).catch((error: unknown) => {
        for (const { reject } of batch) reject(error);
      });
    }
    queues.delete(namespace);
  };

  const chargeAll = async (namespace: string, batch: readonly Waiting[]): Promise<void> => {
    let pending = batch;
    let only: ReadonlySet<string> | undefined;
    for (let attempt = 0; ; attempt++) {
      const before = (await options.lookup.list(resourceQuotas, { namespace })).filter(
        ({ metadata }) => !only || only.has(metadata?.name ?? ""),
      );
      let after = before;
      const charged: Waiting[] = [];
      for (const waiting of pending) {
        const { attributes, resolve, reject } = waiting;
        try {
          const evaluator = quotaEvaluator(attributes.type)!;
          const next = charge(after, attributes, evaluator, options.clock.now(), limitsOf(attributes));
          const changes = next.some((quota, index) => quota !== after[index]);
          if (attributes.dryRun || !changes) {
            resolve();
            continue;
          }
          after = next;
          charged.push(waiting);
        } catch (error) {
          reject(error);
        }
      }
      const changed = after.filter((quota, index) => quota !== before[index]);
      const outrun = new Set<string>();
      let conflict: unknown;
      for (const quota of changed) {
        try {
          await options.quotas().updateStatus(quota);
        } catch (error) {
          if (!isConflict(error) && !isNotFound(error)) throw error;
          outrun.add(quota.metadata?.name ?? "");
          conflict = error;
        }
      }
      if (outrun.size === 0) {
        for (const { resolve } of charged) resolve();
        return;
      }
      if (attempt === RETRIES) throw conflict;
      // The other quotas have taken the charge: only those that somebody else changed are charged again.
      [pending, only] = [charged, outrun];
    }
  };

  return {
    name: "ResourceQuota",
    handles(attributes) {
      const { operation, namespace, object } = attributes;
      if (!namespace || !object || (operation !== "CREATE" && operation !== "UPDATE")) return false;
      if (attributes.type.resource === "namespaces" && attributes.type.group === "") return false;
      return quotaEvaluator(attributes.type)?.handles(measured(attributes)) ?? false;
    },
    async validate(attributes) {
      const namespace = attributes.namespace!;
      const isLimited = limitsOf(attributes).length > 0;
      if (!isLimited && (await options.lookup.list(resourceQuotas, { namespace })).length === 0) return;
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = { attributes, resolve, reject };
        const queue = queues.get(namespace);
        if (queue) queue.push(waiting);
        else {
          const fresh = [waiting];
          queues.set(namespace, fresh);
          void work(namespace, fresh);
        }
      });
    },
  };
}

interface Waiting {
  readonly attributes: AdmissionAttributes;
  resolve(): void;
  reject(reason: unknown): void;
}

const measured = ({ operation, subresource, object, oldObject }: AdmissionAttributes): MeasuredWrite => ({
  operation,
  ...(subresource ? { subresource } : {}),
  object: object!,
  ...(oldObject ? { old: oldObject } : {}),
});
