import { controllerOf, controllerRef } from "../api/controller-ref.ts";
import { semanticEqual } from "../api/json-equal.ts";
import type { Selector } from "../api/label-selector.ts";
import type { KubeObject } from "../api/object.ts";
import { isAlreadyExists, isNotFound } from "../api/status-error.ts";
import type { ControllerRevision } from "../api/types/apps.v1.ts";
import type { PodTemplateSpec } from "../api/types/core.v1.ts";
import type { ResourceClient } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { claimObjects, ownedOrOrphaned } from "./ownership.ts";
import { templateHash } from "./template-hash.ts";

/** What a template is kept as: a strategic merge patch that brings it back, which `kubectl rollout undo` sends. */
export const revisionData = (template: PodTemplateSpec | undefined): Record<string, unknown> => ({
  spec: { template: { ...template, $patch: "replace" } },
});

export interface RevisionHistory {
  /** The revision of the present template. */
  current: ControllerRevision;
  /** All others, the oldest first. */
  old: ControllerRevision[];
}

export interface RevisionRequest<O extends KubeObject> {
  owner: O;
  ownerResource: ResourceClient<O>;
  selector: Selector;
  template: PodTemplateSpec | undefined;
  collisionCount: number | undefined;
  /** The labels of a new revision with this hash. */
  labelsOf(hash: string): Record<string, string>;
  signal: AbortSignal;
}

/** Another template has the same hash: the owner's collision count has to be raised, and all tried again. */
export class RevisionCollision extends Error {
  readonly collisionCount: number;
  constructor(collisionCount: number) {
    super("another revision has the same name");
    this.name = "RevisionCollision";
    this.collisionCount = collisionCount;
  }
}

/**
 * The history of an owner's templates as ControllerRevisions: makes one for the present template unless there is one, and
 * gives it the highest number, also when it was an old one. Rejects with a RevisionCollision where names clash.
 */
export async function syncRevisions<O extends KubeObject>(
  resource: ResourceClient<ControllerRevision>,
  informer: Informer<ControllerRevision>,
  request: RevisionRequest<O>,
): Promise<RevisionHistory> {
  const { owner, ownerResource, selector, template, collisionCount, signal } = request;
  const all = await claimObjects<ControllerRevision, O>({
    owner,
    ownerResource,
    selector,
    objects: ownedOrOrphaned(informer, owner),
    resource,
    signal,
  });
  all.sort((a, b) => a.revision - b.revision || ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1));
  const newest = all.at(-1)?.revision ?? 0;
  const data = revisionData(template);
  const present = all.filter((one) => semanticEqual(one.data, data)).at(-1);
  if (present) {
    const old = all.filter((one) => one !== present);
    if (old.every((one) => one.revision < present.revision)) return { current: present, old };
    return { current: await resource.update({ ...present, revision: newest + 1 }, { signal }), old };
  }
  const hash = templateHash(data, collisionCount);
  const { namespace, name: ownerName, annotations } = owner.metadata ?? {};
  const name = `${ownerName}-${hash}`;
  const wanted: ControllerRevision = {
    metadata: {
      name,
      namespace,
      labels: request.labelsOf(hash),
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controllerRef(ownerResource.type, owner)],
    },
    data,
    revision: newest + 1,
  };
  try {
    return { current: await resource.create(wanted, { signal }), old: all };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const taken = await resource.get(name, namespace, { signal });
    const isOurs = controllerOf(taken)?.uid === owner.metadata?.uid && semanticEqual(taken.data, data);
    if (!isOurs) throw new RevisionCollision((collisionCount ?? 0) + 1);
    return { current: taken, old: all.filter((one) => one.metadata?.name !== name) };
  }
}

/** Deletes the oldest revisions that nothing runs any more, beyond the limit. */
export async function truncateRevisions(
  resource: ResourceClient<ControllerRevision>,
  old: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
  limit: number,
  signal: AbortSignal,
): Promise<void> {
  const dead = old.filter((revision) => !isLive(revision));
  for (const { metadata } of dead.slice(0, Math.max(0, dead.length - limit))) {
    await resource.delete(metadata?.name ?? "", metadata?.namespace, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }
}
