import type { Container, EphemeralContainer, ObjectReference, Pod, PodSpec } from "../../api/types/core.v1.ts";

/** Facts about a pod that many parts of the kubelet ask for. */

/** Where the kubelet got a pod from, and the hash it had there (static pods). */
export const CONFIG_SOURCE_ANNOTATION = "kubernetes.io/config.source";
export const CONFIG_HASH_ANNOTATION = "kubernetes.io/config.hash";
export const CONFIG_SEEN_ANNOTATION = "kubernetes.io/config.seen";
export const CONFIG_MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

export type ContainerKind = "init" | "regular" | "ephemeral";
/** A container of any kind, as the parts that treat them alike see it. */
export type AnyContainer = Container | EphemeralContainer;
export interface NamedContainer {
  readonly kind: ContainerKind;
  readonly container: AnyContainer;
}

export const podUid = (pod: Pod): string => pod.metadata?.uid ?? "";
export const podNamespace = (pod: Pod): string => pod.metadata?.namespace ?? "default";
export const podName = (pod: Pod): string => pod.metadata?.name ?? "";
export const podSpec = (pod: Pod): PodSpec => pod.spec ?? { containers: [] };

/** `name_namespace(uid)`, as upstream writes a pod in messages. */
export function describePod(pod: Pod): string {
  return `${podName(pod)}_${podNamespace(pod)}(${podUid(pod)})`;
}

/** Whether the pod came from this node's own files rather than from the API. */
export function isStaticPod(pod: Pod): boolean {
  const source = pod.metadata?.annotations?.[CONFIG_SOURCE_ANNOTATION];
  return source !== undefined && source !== "api";
}

/** Whether the API object only mirrors a static pod. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata?.annotations?.[CONFIG_MIRROR_ANNOTATION] !== undefined;
}

/** An init container that keeps running beside the regular ones (KEP-753). */
export function isSidecar(container: AnyContainer): boolean {
  return container.restartPolicy === "Always";
}

export const initContainers = (pod: Pod): readonly Container[] => pod.spec?.initContainers ?? [];
export const regularContainers = (pod: Pod): readonly Container[] => pod.spec?.containers ?? [];
export const ephemeralContainers = (pod: Pod): readonly EphemeralContainer[] => pod.spec?.ephemeralContainers ?? [];

/** All containers: init, regular, ephemeral, each in the order of the spec. */
export function allContainers(pod: Pod): NamedContainer[] {
  return [
    ...initContainers(pod).map((container) => ({ kind: "init" as const, container })),
    ...regularContainers(pod).map((container) => ({ kind: "regular" as const, container })),
    ...ephemeralContainers(pod).map((container) => ({ kind: "ephemeral" as const, container })),
  ];
}

export function findContainer(pod: Pod, name: string): NamedContainer | undefined {
  return allContainers(pod).find(({ container }) => container.name === name);
}

/** Whether `container` is one of the pod's init containers that run to their end. */
export function isRunToEndInit(pod: Pod, name: string): boolean {
  return initContainers(pod).some((container) => container.name === name && !isSidecar(container));
}

export function podReference(pod: Pod): ObjectReference {
  return {
    apiVersion: "v1",
    kind: "Pod",
    name: podName(pod),
    namespace: podNamespace(pod),
    uid: podUid(pod),
  };
}

const FIELD: Record<ContainerKind, string> = {
  init: "initContainers",
  regular: "containers",
  ephemeral: "ephemeralContainers",
};

/** A reference to one container, as events about it carry it. */
export function containerReference(pod: Pod, name: string): ObjectReference {
  const found = findContainer(pod, name);
  const reference = podReference(pod);
  return found ? { ...reference, fieldPath: `spec.${FIELD[found.kind]}{${name}}` } : reference;
}

/** Whether the pod's phase is an end. */
export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

/** The grace period of the pod's spec, in seconds. */
export function specGraceSeconds(pod: Pod): number {
  return pod.spec?.terminationGracePeriodSeconds ?? 30;
}

/** An RFC 3339 time of whole seconds, as the API's Time; `ms` since the epoch. */
export function apiTime(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}
