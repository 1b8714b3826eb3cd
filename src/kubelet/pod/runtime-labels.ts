import type { Container, ContainerPort, Lifecycle, Pod, ResourceRequirements } from "../../api/types/core.v1.ts";
import {
  type AnyContainer,
  CONFIG_SEEN_ANNOTATION,
  CONFIG_SOURCE_ANNOTATION,
  podName,
  podNamespace,
  podUid,
  specGraceSeconds,
} from "./pod.ts";

/**
 * What the kubelet writes on sandboxes and containers, with upstream's keys. A restarted kubelet rebuilds its state
 * from them alone, and ends containers well whose pod is gone from the API.
 */
export const POD_NAME_LABEL = "io.kubernetes.pod.name";
export const POD_NAMESPACE_LABEL = "io.kubernetes.pod.namespace";
export const POD_UID_LABEL = "io.kubernetes.pod.uid";
export const CONTAINER_NAME_LABEL = "io.kubernetes.container.name";

const HASH = "io.kubernetes.container.hash";
const RESTART_COUNT = "io.kubernetes.container.restartCount";
const MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath";
const MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy";
/** Ours: what the container was created with, since the runtime does not tell. */
const RESOURCES = "dev.knarr.container.resources";
const PRE_STOP = "io.kubernetes.container.preStopHandler";
const PORTS = "io.kubernetes.container.ports";
const POD_DELETION_GRACE = "io.kubernetes.pod.deletionGracePeriod";
const POD_TERMINATION_GRACE = "io.kubernetes.pod.terminationGracePeriod";

export function podLabels(pod: Pod): Record<string, string> {
  return {
    [POD_NAME_LABEL]: podName(pod),
    [POD_NAMESPACE_LABEL]: podNamespace(pod),
    [POD_UID_LABEL]: podUid(pod),
  };
}

export function sandboxLabels(pod: Pod): Record<string, string> {
  return { ...pod.metadata?.labels, ...podLabels(pod) };
}

export function sandboxAnnotations(pod: Pod, seenAt: string): Record<string, string> {
  return { [CONFIG_SOURCE_ANNOTATION]: "api", [CONFIG_SEEN_ANNOTATION]: seenAt, ...pod.metadata?.annotations };
}

export function containerLabels(pod: Pod, container: AnyContainer): Record<string, string> {
  return { ...podLabels(pod), [CONTAINER_NAME_LABEL]: container.name };
}

export function containerAnnotations(pod: Pod, container: AnyContainer, restartCount: number): Record<string, string> {
  const annotations: Record<string, string> = {
    [HASH]: containerHash(container),
    [RESTART_COUNT]: String(restartCount),
    [MESSAGE_PATH]: container.terminationMessagePath ?? "/dev/termination-log",
    [MESSAGE_POLICY]: container.terminationMessagePolicy ?? "File",
    [POD_TERMINATION_GRACE]: String(specGraceSeconds(pod)),
  };
  const { requests, limits } = container.resources ?? {};
  if (requests || limits) annotations[RESOURCES] = JSON.stringify({ requests, limits });
  const deletionGrace = pod.metadata?.deletionGracePeriodSeconds;
  if (deletionGrace !== undefined) annotations[POD_DELETION_GRACE] = String(deletionGrace);
  if (container.lifecycle?.preStop) annotations[PRE_STOP] = JSON.stringify(container.lifecycle.preStop);
  if (container.ports?.length) annotations[PORTS] = JSON.stringify(container.ports);
  return annotations;
}

/** What the annotations of a container say; `hash` is undefined where the container is not the kubelet's. */
export interface ContainerNotes {
  hash: string | undefined;
  restartCount: number;
  terminationMessagePath: string;
  terminationMessagePolicy: string;
}

export function containerNotes(annotations: Record<string, string>): ContainerNotes {
  return {
    hash: annotations[HASH],
    restartCount: Number(annotations[RESTART_COUNT] ?? 0),
    terminationMessagePath: annotations[MESSAGE_PATH] ?? "",
    terminationMessagePolicy: annotations[MESSAGE_POLICY] ?? "File",
  };
}

/** What the container was created with; undefined where another kubelet made it. */
export function createdResources(annotations: Record<string, string>): ResourceRequirements | undefined {
  if (annotations[RESOURCES]) return JSON.parse(annotations[RESOURCES]) as ResourceRequirements;
  return annotations[HASH] === undefined ? undefined : {};
}

/** The parts of a container's spec that can be had back from its annotations: enough to end it as it should be. */
export function restoreContainer(name: string, annotations: Record<string, string>): Container {
  const parse = <T>(text: string | undefined): T | undefined => (text ? (JSON.parse(text) as T) : undefined);
  const preStop = parse<Lifecycle["preStop"]>(annotations[PRE_STOP]);
  const ports = parse<ContainerPort[]>(annotations[PORTS]);
  return {
    name,
    terminationMessagePath: annotations[MESSAGE_PATH],
    terminationMessagePolicy: annotations[MESSAGE_POLICY],
    ...(preStop ? { lifecycle: { preStop } } : {}),
    ...(ports ? { ports } : {}),
  };
}

/** The grace periods, in seconds, that were in force when the container was made. */
export function restoreGrace(annotations: Record<string, string>): { termination?: number; deletion?: number } {
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return { termination: number(annotations[POD_TERMINATION_GRACE]), deletion: number(annotations[POD_DELETION_GRACE]) };
}

/** Changes when the container must be replaced: with its name and image, and with nothing else that can change in place. */
export function containerHash(container: AnyContainer): string {
  return fnv1a32(JSON.stringify({ image: container.image ?? "", name: container.name })).toString(16);
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
