import { objectKey, type ResourceType, type UnknownObject } from "../api/object.ts";
import { isNotFound, StatusError } from "../api/status-error.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import { type ReconcileResult, runControllerLoop } from "../client/controller-loop.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Informer } from "../client/informer.ts";
import { workQueue } from "../client/rate-limited-queue.ts";
import type { TemplateFunctions } from "./expressions/template-values.ts";
import { type CompiledStage, chooseStage } from "./lifecycle.ts";

export interface PlayerOptions {
  type: ResourceType;
  /** The stages of this resource's kind. */
  stages: readonly CompiledStage[];
  informer: Informer<UnknownObject>;
  client: Client;
  recorder: EventRecorder;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Whether the object is played at all: pods are, where their node is. */
  plays(object: UnknownObject): boolean;
  /** Template functions that know about this object. */
  functionsFor(object: UnknownObject): TemplateFunctions;
  /** Objects played at once. Default 16. */
  workers?: number;
}

/** An object on its way through a stage. */
interface Course {
  readonly uid: string | undefined;
  readonly stage: CompiledStage;
  /** Wall time in ms. */
  readonly dueAt: number;
}

export interface Player {
  /** Looks at an object again: because what `plays` answers for it has changed. */
  reconsider(object: UnknownObject): void;
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Leads the objects of one resource through their stages: each object is in at most one stage at a time, stays for the
 * stage's delay, and then has done to it what the stage says; which brings it into the next one. A change that keeps an
 * object in its stage does not begin the delay anew.
 */
export function player(options: PlayerOptions): Player {
  const { type, stages, informer, client, clock, random, recorder, logger } = options;
  const resource = client.resource(type);
  const queue = workQueue({ clock });
  const courses = new Map<string, Course>();
  /** The version of each object that was acted upon, for as long as the informer still shows it. */
  const acted = new Map<string, string>();

  const forget = (object: UnknownObject) => {
    courses.delete(objectKey(object));
    acted.delete(objectKey(object));
  };
  informer.on({
    add: (object) => queue.add(objectKey(object)),
    update: (_, object) => queue.add(objectKey(object)),
    delete: forget,
  });

  /** The stage the object is in and when it ends, kept while it lasts. */
  const courseOf = (key: string, object: UnknownObject): Course | undefined => {
    const { uid } = object.metadata ?? {};
    const current = courses.get(key);
    if (current && current.uid === uid && current.stage.selects(object)) return current;
    const stage = chooseStage(stages, object, random);
    if (!stage) {
      courses.delete(key);
      return undefined;
    }
    const now = clock.now();
    const course = { uid, stage, dueAt: now + stage.delayMs(object, now, random) };
    courses.set(key, course);
    return course;
  };

  /** Does what the stage says; returns the object as the last write left it. */
  const act = async (object: UnknownObject, stage: CompiledStage): Promise<UnknownObject | undefined> => {
    const { name = "", namespace, uid } = object.metadata ?? {};
    let latest: UnknownObject | undefined;
    for (const action of stage.actions(object, options.functionsFor(object))) {
      if (action.do === "event") {
        const { type: kind = "Normal", reason = "", message = "" } = action.event;
        recorder.event(object, kind === "Warning" ? "Warning" : "Normal", reason, message);
      } else if (action.do === "delete") {
        const preconditions = uid === undefined ? {} : { preconditions: { uid } };
        await resource.delete(name, namespace, { gracePeriodSeconds: 0, ...preconditions });
        return undefined;
      } else {
        const { subresource } = action;
        const where = subresource === undefined ? {} : { subresource };
        latest = await resource.patch(name, namespace, action.type, action.body, where);
      }
    }
    return latest;
  };

  const reconcile = async (key: string): Promise<ReconcileResult | undefined> => {
    let object = informer.get(key);
    // What was written is seen by the informer a little later: until then it shows the old state, not a new task.
    if (!object || acted.get(key) === object.metadata?.resourceVersion) return undefined;
    acted.delete(key);
    while (object) {
      if (!options.plays(object)) {
        courses.delete(key);
        return undefined;
      }
      const course = courseOf(key, object);
      if (!course) return undefined;
      const left = course.dueAt - clock.now();
      if (left > 0) return { requeueAfterMs: left };
      courses.delete(key);
      const seen: string | undefined = object.metadata?.resourceVersion;
      let written: UnknownObject | undefined;
      try {
        written = await act(object, course.stage);
      } catch (error) {
        // Gone, or another one under the same name: the informer will tell.
        if (isNotFound(error) || (error instanceof StatusError && error.reason === "Conflict")) return undefined;
        throw error;
      }
      if (seen !== undefined && written?.metadata?.resourceVersion !== seen) acted.set(key, seen);
      object = course.stage.immediateNextStage ? written : undefined;
    }
    return undefined;
  };

  return {
    reconsider: (object) => queue.add(objectKey(object)),
    run: (signal) =>
      runControllerLoop({
        name: `simulated ${type.resource}`,
        queue,
        reconcile,
        workers: options.workers ?? 16,
        clock,
        logger,
        signal,
      }),
  };
}
