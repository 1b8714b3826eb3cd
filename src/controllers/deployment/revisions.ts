import { semanticEqual } from "../../api/json-equal.ts";
import type { KubeObject } from "../../api/object.ts";
import type { Deployment, ReplicaSet } from "../../api/types/apps.v1.ts";
import type { PodTemplateSpec } from "../../api/types/core.v1.ts";

/** The label that tells the pods of one template from those of another. */
export const POD_TEMPLATE_HASH = "pod-template-hash";
export const REVISION = "deployment.kubernetes.io/revision";
export const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
export const DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas";
export const MAX_REPLICAS = "deployment.kubernetes.io/max-replicas";
/** What a Deployment does not hand down to its ReplicaSets. */
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deprecated.deployment.rollback.to",
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);
/** The history annotation is cut at its front beyond this length. */
const LONGEST_HISTORY = 2000;

/** The revision that an object is marked with, a 64-bit number; 0 where there is none. */
export function revisionOf(object: KubeObject): bigint {
  return parseRevision(object.metadata?.annotations?.[REVISION]);
}

function parseRevision(text: string | undefined): bigint {
  return text !== undefined && /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
}

/** By creation time, the older first, then by name. */
export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata?.creationTimestamp ?? "", b.metadata?.creationTimestamp ?? ""];
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1;
}

/** Whether two templates are the same, the hash label apart. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return semanticEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  if (!template?.metadata?.labels || !(POD_TEMPLATE_HASH in template.metadata.labels)) return template;
  const { [POD_TEMPLATE_HASH]: _, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** The ReplicaSet of the Deployment's present template, the oldest if there are several; and all others by age. */
export function newAndOld(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): { current: ReplicaSet | undefined; old: ReplicaSet[] } {
  const sorted = [...sets].sort(byCreation);
  const current = sorted.find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));
  return { current, old: sorted.filter((set) => set !== current) };
}

/**
 * The annotations of the ReplicaSet of the present template: the Deployment's own, the newest revision, and the revisions
 * that it stood for before (a rollback gives an old set a new number).
 */
export function annotationsOfCurrent(
  deployment: Deployment,
  present: Readonly<Record<string, string>>,
  old: readonly ReplicaSet[],
): Record<string, string> {
  const annotations = { ...present };
  for (const [name, value] of Object.entries(deployment.metadata?.annotations ?? {})) {
    if (!NOT_COPIED.has(name)) annotations[name] = value;
  }
  const newest = old.map(revisionOf).reduce((most, revision) => (revision > most ? revision : most), 0n) + 1n;
  const before = annotations[REVISION];
  if (parseRevision(before) < newest) {
    annotations[REVISION] = String(newest);
    if (before !== undefined) annotations[REVISION_HISTORY] = extendHistory(annotations[REVISION_HISTORY], before);
  }
  return annotations;
}

function extendHistory(history: string | undefined, revision: string): string {
  const revisions = [...(history ? history.split(",") : []), revision];
  while (revisions.length > 1 && revisions.join(",").length > LONGEST_HISTORY) revisions.shift();
  return revisions.join(",");
}

/** The old sets that the history limit no longer keeps: they have no pods and are settled. */
export function beyondHistoryLimit(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit;
  if (limit === undefined || limit === 2 ** 31 - 1) return [];
  const alive = old.filter((set) => !set.metadata?.deletionTimestamp);
  return alive
    .sort((a, b) => Number(revisionOf(a) - revisionOf(b)) || byCreation(a, b))
    .slice(0, Math.max(0, alive.length - limit))
    .filter(
      (set) =>
        (set.status?.replicas ?? 0) === 0 &&
        set.spec?.replicas === 0 &&
        (set.metadata?.generation ?? 0) <= (set.status?.observedGeneration ?? 0),
    );
}
