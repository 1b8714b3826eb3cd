import { loadCel } from "../../api/cel/load.ts";
import { validatingAdmissionPolicies } from "../../api/resource-types.ts";
import type { ValidatingAdmissionPolicy } from "../../api/types/admissionregistration.v1.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { PublishedTypes } from "./published-types.ts";
import { MAX_KINDS, namedResources, type TypedKind, typeCheck } from "./type-check.ts";

const NAME = "validatingadmissionpolicy-status-controller";
const FIELD_MANAGER = "validatingadmissionpolicy-status";

/** Checks the types in ValidatingAdmissionPolicies, once for each change of their spec, and tells in their status. */
export const validatingAdmissionPolicyStatusController: ControllerDefinition = {
  name: NAME,
  alias: "validatingadmissionpolicy-status",
  create,
};

function create(context: ControllerContext) {
  const resource = context.client.resource(validatingAdmissionPolicies);
  const informer = context.informers.informer(validatingAdmissionPolicies);
  const controller = keyedController(context, { name: NAME, workers: context.settings.concurrentSyncs, reconcile });
  const enqueue = ({ metadata }: ValidatingAdmissionPolicy) => controller.queue.add(metadata?.name ?? "");
  informer.on({ add: enqueue, update: (_old, policy) => enqueue(policy) });

  async function reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const policy = informer.get(name);
    const generation = policy?.metadata?.generation ?? 0;
    if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return undefined;
    await loadCel();
    const types = new PublishedTypes(context.client, signal);
    const { paramKind } = policy.spec ?? {};
    const params = paramKind && (await types.paramsOf(paramKind));
    const expressionWarnings = typeCheck(policy, await kindsOf(policy, types), params);
    const typeChecking = expressionWarnings.length > 0 ? { expressionWarnings } : {};
    const status = { ...policy.status, observedGeneration: generation, typeChecking };
    await resource.updateStatus({ ...policy, status }, { fieldManager: FIELD_MANAGER, signal });
    return undefined;
  }
  return controller;
}

async function kindsOf(policy: ValidatingAdmissionPolicy, types: PublishedTypes): Promise<readonly TypedKind[]> {
  const kinds = new Map<string, TypedKind>();
  for (const named of namedResources(policy)) {
    if (kinds.size >= MAX_KINDS) break;
    const kind = await types.kindOf(named);
    if (kind) kinds.set(`${kind.group}/${kind.version}/${kind.kind}`, kind);
  }
  return [...kinds.values()];
}
