import { apiServices } from "../../api/resource-types.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../api/status-error.ts";
import type { APIService } from "../../api/types/apiregistration.v1.ts";
import type { Client } from "../../client/client.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import { builtInPriority, CUSTOM_PRIORITY, REGISTRATION_GROUP } from "./group-priorities.ts";

/** Marks the APIServices that the server itself keeps: `onstart` those of built-in groups, `true` those of custom ones. */
export const AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged";

/** The APIServices that are to stand for what this server serves itself, by name. Pure. */
export function automaticApiServices({ groups }: Pick<ResourceCatalogue, "groups">): Map<string, APIService> {
  const wanted = new Map<string, APIService>();
  for (const { group, versions } of groups) {
    if (group === REGISTRATION_GROUP) continue;
    for (const version of versions) {
      const builtIn = builtInPriority(group, version);
      const priority = builtIn ?? CUSTOM_PRIORITY;
      const name = `${version}.${group}`;
      wanted.set(name, {
        metadata: { name, labels: { [AUTOMANAGED]: builtIn ? "onstart" : "true" } },
        spec: { group, version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
      });
    }
  }
  return wanted;
}

export type Step = { readonly create: APIService } | { readonly update: APIService } | { readonly remove: APIService };

/**
 * What is to be done about one APIService. Those of built-in groups are put right at the start only; those of custom
 * groups always; those that the server does not keep are left alone. `starting`: nothing has been done about this one
 * since the server started. Pure.
 */
export function planApiService(
  wanted: APIService | undefined,
  present: APIService | undefined,
  starting: boolean,
): Step | undefined {
  const mark = (one: APIService | undefined) => one?.metadata?.labels?.[AUTOMANAGED];
  if (mark(wanted) === "onstart" && !starting) return undefined;
  if (!present) return wanted && { create: wanted };
  const kept = mark(present);
  if (kept !== "true" && !(kept === "onstart" && starting)) return undefined;
  if (!wanted) return { remove: present };
  return sameSpec(present, wanted) ? undefined : { update: { ...present, spec: wanted.spec! } };
}

function sameSpec({ spec: a }: APIService, { spec: b }: APIService): boolean {
  return (
    !a?.service &&
    (a?.group ?? "") === b?.group &&
    a?.version === b?.version &&
    a?.groupPriorityMinimum === b?.groupPriorityMinimum &&
    a?.versionPriority === b?.versionPriority
  );
}

/** Carries a step out; whoever was quicker is right. */
export async function carryOut(client: Client, step: Step): Promise<void> {
  const resource = client.resource(apiServices);
  try {
    if ("create" in step) await resource.create(step.create);
    else if ("update" in step) await resource.update(step.update);
    else {
      const { name = "", uid } = step.remove.metadata ?? {};
      await resource.delete(name, undefined, { preconditions: { uid } });
    }
  } catch (error) {
    if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
  }
}
