import type { Container, PodSecurityContext, PodSpec, SecurityContext } from "../../../api/types/core.v1.ts";
import type { ObjectMeta } from "../../../api/types/meta.v1.ts";

/** Why a pod does not meet a level: a keyword, and what is wrong. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

/** One check of a level, as it was from Kubernetes 1.`since` on, until a later one with the same id replaced it. */
export interface PodCheck {
  readonly id: string;
  readonly since: number;
  /** Checks of the baseline level that a restricted one makes needless. */
  readonly overrides?: readonly string[];
  check(spec: PodSpec, metadata: ObjectMeta): Violation | undefined;
}

/** Init, ordinary and ephemeral containers, in this order. */
export const containers = (spec: PodSpec): Container[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...((spec.ephemeralContainers ?? []) as Container[]),
];

/** `"a", "b"` */
export const quoted = (items: Iterable<string>): string => [...items].map((item) => `"${item}"`).join(", ");

/** `quoted`, sorted and each once. */
export const quotedSet = (items: Iterable<string>): string => quoted([...new Set(items)].sort());

export const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);

/** `container "a"`, `containers "a", "b"` */
export const named = (bad: readonly Container[]): string =>
  `${plural("container", "containers", bad.length)} ${quoted(bad.map(({ name }) => name))}`;

/** The security contexts that are wrong, the pod's own and its containers': `pod and container "a"`; empty if none. */
export function setters(spec: PodSpec, isBad: (context: PodSecurityContext & SecurityContext) => boolean): string {
  const pod = spec.securityContext && isBad(spec.securityContext as PodSecurityContext & SecurityContext);
  const bad = containers(spec).filter(
    ({ securityContext }) => securityContext && isBad(securityContext as PodSecurityContext & SecurityContext),
  );
  return [...(pod ? ["pod"] : []), ...(bad.length > 0 ? [named(bad)] : [])].join(" and ");
}

/** Whether the pod runs in a user namespace: root there is nobody outside (KEP-127). */
export const hasUserNamespace = (spec: PodSpec): boolean => spec.hostUsers === false;

/** Whether the pod says that it is for Windows, where the Linux fields can't be set. */
export const isWindows = (spec: PodSpec): boolean => spec.os?.name === "windows";
