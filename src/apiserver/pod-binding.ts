import type { UnknownObject } from "../api/object.ts";
import type { FieldError } from "../api/resource-definition.ts";
import { bindings, pods } from "../api/resource-types.ts";
import { notSupported, required } from "../api/resources/field-errors.ts";
import { badRequest, conflict, invalid } from "../api/status-error.ts";
import type { Binding, Pod, PodCondition } from "../api/types/core.v1.ts";
import type { Clock } from "../base/clock.ts";
import { cloneJson } from "../base/clone.ts";
import { timestamp } from "./registry/deletion.ts";
import type { Registry } from "./registry.ts";
import type { VirtualRequest, VirtualResource } from "./virtual-resource.ts";

const SUBJECT = { group: "", resource: "pods/binding" };

/**
 * `pods/binding`, and its old form `bindings`: gives a pod its node, once. A pod that has one, is being deleted, or is
 * held back by scheduling gates is refused.
 */
export function bindingResources(pod: () => Registry, clock: Clock): VirtualResource[] {
  const create = async (object: UnknownObject, request: VirtualRequest): Promise<UnknownObject> => {
    const binding = object as unknown as Binding;
    const name = request.name ?? binding.metadata?.name ?? "";
    if (binding.metadata?.name && binding.metadata.name !== name) {
      throw badRequest("name in URL does not match name in Binding object");
    }
    checkBinding(binding);
    await pod().mutate(
      name,
      request.namespace ?? "",
      (current) => assign(current as unknown as Pod, binding, clock.now()),
      request.dryRun,
    );
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  };
  return [
    { type: untyped(pods), subresource: "binding", create },
    { type: untyped(bindings), create },
  ];
}

const untyped = (type: { group: string; version: string; resource: string; kind: string; namespaced: boolean }) => type;

function checkBinding(binding: Binding): void {
  const errors: FieldError[] = [];
  const { kind = "", name = "" } = binding.target ?? {};
  if (kind !== "" && kind !== "Node") errors.push(notSupported("target.kind", kind, ["Node", "<empty>"]));
  if (name === "") errors.push(required("target.name"));
  if (errors.length === 0) return;
  const causes = errors.map(({ type, message, field }) => ({ reason: type, message, field }));
  throw invalid({ group: "", kind: "Binding" }, binding.metadata?.name ?? "", causes);
}

/** The pod on its node, with the condition that says so. Throws a 409. */
function assign(pod: Pod, binding: Binding, now: number): UnknownObject {
  const { name = "", uid = "", resourceVersion, deletionTimestamp } = pod.metadata ?? {};
  const refuse = (message: string) => conflict(SUBJECT, name, message);
  const wanted = binding.metadata ?? {};
  if (wanted.uid && wanted.uid !== uid) {
    throw refuse(`Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`);
  }
  if (wanted.resourceVersion && wanted.resourceVersion !== resourceVersion) {
    throw refuse(
      `Precondition failed: ResourceVersion in precondition: ${wanted.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
    );
  }
  if (deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec?.nodeName) {
    throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  }
  if (pod.spec?.schedulingGates?.length) {
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  }
  const bound = cloneJson(pod);
  bound.spec!.nodeName = binding.target.name!;
  if (binding.metadata?.annotations) {
    bound.metadata!.annotations = { ...bound.metadata!.annotations, ...binding.metadata.annotations };
  }
  bound.status = { ...bound.status, conditions: withScheduled(bound.status?.conditions ?? [], now) };
  return bound as unknown as UnknownObject;
}

function withScheduled(conditions: readonly PodCondition[], now: number): PodCondition[] {
  const present = conditions.find(({ type }) => type === "PodScheduled");
  if (present?.status === "True") return [...conditions];
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: timestamp(now),
  } as unknown as PodCondition;
  return present ? conditions.map((one) => (one === present ? scheduled : one)) : [...conditions, scheduled];
}
