import { controllerRef } from "../../api/controller-ref.ts";
import { deployments } from "../../api/resource-types.ts";
import type { Deployment, DeploymentStatus, ReplicaSet } from "../../api/types/apps.v1.ts";
import { templateHash } from "../template-hash.ts";
import { scaleInProportion } from "./proportional-scaling.ts";
import {
  isRolling,
  type Sized,
  shrinkOld,
  sizeOf,
  sizeOfNew,
  surgeAndUnavailable,
  totalSize,
  wantedReplicas,
  wasScaled,
} from "./replica-counts.ts";
import {
  annotationsOfCurrent,
  beyondHistoryLimit,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  newAndOld,
  POD_TEMPLATE_HASH,
  REVISION,
} from "./revisions.ts";
import {
  countStatus,
  hasDeadline,
  isComplete,
  judgeProgress,
  nextProgressCheckMs,
  progressOf,
  REASONS,
  withProgress,
} from "./status.ts";

export interface ObservedDeployment {
  deployment: Deployment;
  /** The ReplicaSets that it controls. */
  sets: readonly ReplicaSet[];
  /** Whether pods of old sets are still there, terminating ones included. Asked for `Recreate` only. */
  oldPodsRunning(old: readonly ReplicaSet[]): boolean;
  now: number;
}

export interface DeploymentPlan {
  create?: ReplicaSet;
  /** Sets to write, as they shall be. */
  update: { before: ReplicaSet; after: ReplicaSet }[];
  remove: ReplicaSet[];
  /** What `deployment.kubernetes.io/revision` of the Deployment must say. */
  revision?: string;
  status: DeploymentStatus;
  /** When to look again though nothing has changed. */
  requeueAfterMs?: number;
}

/** One step of a Deployment towards its template and size. */
export function planDeployment(observed: ObservedDeployment): DeploymentPlan {
  const { deployment, sets, now } = observed;
  const { current, old } = newAndOld(deployment, sets);
  const step = new Step(deployment, current, old);
  const base = notePause(deployment, now);

  const leaving = deployment.metadata?.deletionTimestamp !== undefined;
  const paused = deployment.spec?.paused === true;
  const scaling = leaving || paused || wasScaled(deployment, sets);
  if (leaving) {
    // Nothing but the status is kept up to date.
  } else if (scaling) {
    scaleInProportion(deployment, step.current, step.old);
    if (paused) step.cleanUp();
  } else if (isRolling(deployment)) {
    step.roll();
  } else {
    step.recreate(observed.oldPodsRunning(old));
  }

  const { set: newSet } = step.current ?? {};
  const all = step.created ? [...sets, step.created] : sets;
  let status = countStatus(deployment, base, newSet, all, now);
  if (step.created && hasDeadline(deployment)) {
    const message = `Created new replica set ${JSON.stringify(newSet?.metadata?.name)}`;
    status = withProgress(status, "True", REASONS.created, message, now);
  } else if (newSet && hasDeadline(deployment) && !progressOf(status)) {
    const message = `Found new replica set ${JSON.stringify(newSet.metadata?.name)}`;
    status = withProgress(status, "True", REASONS.found, message, now);
  }
  if (!scaling) status = judgeProgress(deployment, status, newSet, all, now);

  const requeueAfterMs = scaling ? undefined : nextProgressCheckMs(deployment, status, now);
  return {
    ...(step.created ? { create: step.created } : {}),
    update: leaving ? [] : step.updates(),
    remove: step.removed,
    ...(leaving ? {} : revisionIn(step)),
    status,
    ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }),
  };
}

const revisionIn = (step: Step) => {
  const revision = step.annotations?.[REVISION];
  return revision === undefined ? {} : { revision };
};

/** The conditions to go on from: pausing and resuming are noted, so that the deadline does not run meanwhile. */
function notePause(deployment: Deployment, now: number): DeploymentStatus {
  const status = deployment.status ?? {};
  const progress = progressOf(status);
  if (!hasDeadline(deployment) || progress?.reason === REASONS.timedOut) return status;
  const noted = progress?.reason === REASONS.paused;
  if (deployment.spec?.paused && !noted) {
    return withProgress(status, "Unknown", REASONS.paused, "Deployment is paused", now);
  }
  if (!deployment.spec?.paused && noted) {
    return withProgress(status, "Unknown", REASONS.resumed, "Deployment is resumed", now);
  }
  return status;
}

/** The sets of one Deployment, and what becomes of them. */
class Step {
  readonly deployment: Deployment;
  readonly old: Sized[];
  current: Sized | undefined;
  created: ReplicaSet | undefined;
  removed: ReplicaSet[] = [];
  /** Of the new set, as they shall be. */
  annotations: Record<string, string> | undefined;

  constructor(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]) {
    this.deployment = deployment;
    this.old = old.map((set) => ({ set, replicas: sizeOf(set) }));
    if (current) {
      this.current = { set: current, replicas: sizeOf(current) };
      this.annotations = annotationsOfCurrent(deployment, current.metadata?.annotations ?? {}, old);
    }
  }

  /** The new set grows as far as the surge allows; if it can't, the old ones shrink as far as availability allows. */
  roll(): void {
    this.ensureCurrent();
    const current = this.current!;
    const wanted = wantedReplicas(this.deployment);
    const before = current.replicas;
    const all = [...this.old, current];
    current.replicas = before > wanted ? wanted : sizeOfNew(this.deployment, all, before);
    if (current.replicas !== before) return;
    const oldSize = totalSize(this.old);
    shrinkOld(this.deployment, current, this.old);
    if (totalSize(this.old) === oldSize) this.cleanUpIfComplete();
  }

  /** The old sets go to nothing; when their last pod is gone, the new one comes at once. */
  recreate(oldPodsRunning: boolean): void {
    if (totalSize(this.old) > 0) {
      for (const entry of this.old) entry.replicas = 0;
      return;
    }
    if (oldPodsRunning) return;
    this.ensureCurrent();
    this.current!.replicas = wantedReplicas(this.deployment);
    this.cleanUpIfComplete();
  }

  ensureCurrent(): void {
    if (this.current) return;
    const set = newReplicaSet(this.deployment);
    const replicas = sizeOfNew(this.deployment, this.old, 0);
    this.annotations = annotationsOfCurrent(
      this.deployment,
      {},
      this.old.map((entry) => entry.set),
    );
    this.created = {
      ...set,
      metadata: { ...set.metadata, annotations: { ...this.annotations, ...this.#sizeAnnotations() } },
      spec: { ...set.spec!, replicas },
    };
    this.current = { set: this.created, replicas };
  }

  cleanUpIfComplete(): void {
    if (isComplete(this.deployment, this.deployment.status)) this.cleanUp();
  }

  cleanUp(): void {
    this.removed = beyondHistoryLimit(
      this.deployment,
      this.old.map((entry) => entry.set),
    );
  }

  /** The sets whose size or annotations have to be written. */
  updates(): { before: ReplicaSet; after: ReplicaSet }[] {
    const updates: { before: ReplicaSet; after: ReplicaSet }[] = [];
    for (const { set, replicas } of [...this.old, ...(this.current && !this.created ? [this.current] : [])]) {
      const isCurrent = set === this.current?.set;
      const resized = replicas !== sizeOf(set);
      const present = set.metadata?.annotations ?? {};
      // Sets of size nothing take no part in scaling, so their annotations may stay behind.
      const annotations = {
        ...(isCurrent ? this.annotations : present),
        ...(resized || sizeOf(set) > 0 ? this.#sizeAnnotations() : {}),
      };
      const minReadySeconds = isCurrent ? this.deployment.spec?.minReadySeconds : set.spec?.minReadySeconds;
      if (
        !resized &&
        (minReadySeconds ?? 0) === (set.spec?.minReadySeconds ?? 0) &&
        Object.entries(annotations).every(([name, value]) => present[name] === value)
      ) {
        continue;
      }
      const metadata = { ...set.metadata, annotations };
      updates.push({ before: set, after: { ...set, metadata, spec: { ...set.spec!, replicas, minReadySeconds } } });
    }
    return updates;
  }

  #sizeAnnotations(): Record<string, string> {
    const wanted = wantedReplicas(this.deployment);
    return {
      [DESIRED_REPLICAS]: String(wanted),
      [MAX_REPLICAS]: String(wanted + surgeAndUnavailable(this.deployment).surge),
    };
  }
}

/** The ReplicaSet of the Deployment's template, without its size and annotations. */
function newReplicaSet(deployment: Deployment): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec!;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [POD_TEMPLATE_HASH]: hash };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${deployment.metadata?.name}-${hash}`,
      namespace: deployment.metadata?.namespace,
      labels,
      ownerReferences: [controllerRef(deployments, deployment)],
    },
    spec: {
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}
