import { pods } from "../../api/resource-types.ts";
import { isConflict, isNotFound, StatusError } from "../../api/status-error.ts";
import type { Pod, PodCondition, PodStatus } from "../../api/types/core.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Client } from "../../client/client.ts";
import { apiTime, describePod, podName, podNamespace, podUid } from "../pod/pod.ts";
import { OWNED_CONDITIONS } from "./conditions.ts";
import { statusPatch } from "./status-patch.ts";

/**
 * The truth about the pods' statuses, written to the API in the background:
 *
 * - Only differences are written, one request per pod at a time; what changes meanwhile goes into the next.
 * - While the API can't be reached statuses are kept and written once it can be.
 * - A pod that is being deleted and has nothing left on the node is deleted once its last status is written.
 */
export interface StatusManager {
  /** The status last set, or the API's where none was. */
  get(pod: Pod): PodStatus;
  set(pod: Pod, status: PodStatus): void;
  /** Says that nothing of the pod is left on the node, so that the API may let go of it. */
  setFinished(pod: Pod): void;
  /**
   * Takes in the pod as the API has it now: a status that somebody else changed is put right. For a static pod, what the
   * API has is its mirror.
   */
  observe(inApi: Pod, pod?: Pod): void;
  forget(podUid: string): void;
  /** Resolves when everything set so far was written or has failed once. */
  flush(): Promise<void>;
  stop(): void;
}

export interface StatusManagerOptions {
  client: Client;
  clock: Clock;
  logger: Logger;
  /** The API's object of a pod: itself, or the mirror of a static one, if that is there. */
  mirrorOf?(pod: Pod): Pod | undefined;
}

interface Entry {
  pod: Pod;
  status: PodStatus;
  /** What the API has, as far as known. */
  reported: PodStatus;
  /** The resource version of `reported`: older news is passed over. */
  version: bigint;
  finished: boolean;
  writing: Promise<void> | undefined;
  failures: number;
  /** After a failed write: nothing is tried before. */
  retry: Timer | undefined;
  /** Until a status that somebody else has changed is put right. */
  repair: Timer | undefined;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** As upstream's batch: two writers who disagree must not keep each other busy. */
const REPAIR_AFTER_MS = 10_000;

export function statusManager(options: StatusManagerOptions): StatusManager {
  const { clock, logger } = options;
  const resource = options.client.resource(pods);
  const entries = new Map<string, Entry>();
  let stopped = false;

  const entryOf = (pod: Pod): Entry => {
    const uid = podUid(pod);
    let entry = entries.get(uid);
    if (!entry) {
      entry = {
        pod,
        status: pod.status ?? {},
        reported: pod.status ?? {},
        version: versionOf(pod),
        finished: false,
        writing: undefined,
        failures: 0,
        retry: undefined,
        repair: undefined,
      };
      entries.set(uid, entry);
    }
    return entry;
  };

  /** The object that carries the status in the API; a static pod has none while its mirror is not there. */
  const apiPod = (entry: Entry) => (options.mirrorOf ? options.mirrorOf(entry.pod) : entry.pod);

  const deletable = ({ pod, finished }: Entry) => finished && pod.metadata?.deletionTimestamp !== undefined;

  const pending = (entry: Entry) => {
    const target = apiPod(entry);
    if (!target) return undefined;
    const patch = statusPatch(podUid(target), entry.reported, entry.status);
    return patch || deletable(entry) ? { target, patch } : undefined;
  };

  const write = async (entry: Entry): Promise<void> => {
    const work = pending(entry);
    if (!work) return;
    const { target, patch } = work;
    const name = podName(target);
    const namespace = podNamespace(target);
    if (patch) {
      const answer = await resource.patch(name, namespace, "strategic", patch, { subresource: "status" });
      entry.reported = answer.status ?? {};
      entry.version = versionOf(answer);
      // The answer is also the newest news of the deletion.
      if (answer.metadata?.deletionTimestamp && target === entry.pod) entry.pod = answer;
    }
    if (!deletable(entry) || statusPatch(podUid(target), entry.reported, entry.status)) return;
    await resource.delete(name, namespace, { gracePeriodSeconds: 0, preconditions: { uid: podUid(target) } });
    entries.delete(podUid(entry.pod));
  };

  const schedule = (entry: Entry): void => {
    if (stopped || entry.writing || entry.retry) return;
    entry.writing = write(entry)
      .then(() => {
        entry.failures = 0;
        return true;
      })
      .catch((error) => failed(entry, error))
      .then((again) => {
        entry.writing = undefined;
        if (again && !stopped && entries.get(podUid(entry.pod)) === entry && pending(entry)) schedule(entry);
      });
  };

  /** Whether to look again at once. */
  const failed = (entry: Entry, error: unknown): boolean => {
    if (isNotFound(error) || (isConflict(error) && /uid/i.test(error.message))) {
      // Gone, or another pod has the name by now: nobody to tell.
      entries.delete(podUid(entry.pod));
      return false;
    }
    entry.failures++;
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** (entry.failures - 1), LONGEST_RETRY_MS);
    const known = error instanceof StatusError;
    logger[known ? "warn" : "debug"]("cannot write a pod's status, trying again", {
      pod: describePod(entry.pod),
      error,
    });
    if (stopped) return false;
    entry.retry = clock.after(delayMs, () => {
      entry.retry = undefined;
      schedule(entry);
    });
    return false;
  };

  return {
    get: (pod) => entries.get(podUid(pod))?.status ?? pod.status ?? {},
    set(pod, status) {
      const entry = entryOf(pod);
      entry.pod = newer(entry.pod, pod);
      entry.status = merge(entry.status, entry.reported, status, clock.now());
      if (pending(entry)) schedule(entry);
    },
    setFinished(pod) {
      const entry = entryOf(pod);
      entry.pod = newer(entry.pod, pod);
      entry.finished = true;
      if (pending(entry)) schedule(entry);
    },
    observe(inApi, pod = inApi) {
      const entry = entries.get(podUid(pod));
      if (!entry) return;
      if (pod === inApi) entry.pod = newer(entry.pod, pod);
      const version = versionOf(inApi);
      if (version >= entry.version && !entry.writing) {
        entry.reported = inApi.status ?? {};
        entry.version = version;
        entry.status = { ...entry.status, conditions: withOthers(entry.status.conditions ?? [], entry.reported) };
      }
      if (deletable(entry)) schedule(entry);
      else if (pending(entry)) {
        entry.repair ??= clock.after(REPAIR_AFTER_MS, () => {
          entry.repair = undefined;
          schedule(entry);
        });
      }
    },
    forget(uid) {
      const entry = entries.get(uid);
      entry?.retry?.cancel();
      entry?.repair?.cancel();
      entries.delete(uid);
    },
    async flush() {
      while ([...entries.values()].some(({ writing }) => writing)) {
        await Promise.all([...entries.values()].map(({ writing }) => writing));
      }
    },
    stop() {
      stopped = true;
      for (const entry of entries.values()) {
        entry.retry?.cancel();
        entry.repair?.cancel();
      }
    },
  };
}

/** Resource versions of one resource can be compared (KEP-5504); one that is no number counts as the newest. */
function versionOf(pod: Pod): bigint {
  const text = pod.metadata?.resourceVersion ?? "0";
  return /^\d+$/.test(text) ? BigInt(text) : BigInt(Number.MAX_SAFE_INTEGER);
}

const newer = (a: Pod, b: Pod) => (versionOf(b) >= versionOf(a) ? b : a);

/** The new status with what only time tells: when conditions turned, when the pod began; and others' conditions. */
function merge(old: PodStatus, reported: PodStatus, status: PodStatus, now: number): PodStatus {
  const conditions = (status.conditions ?? []).map((condition): PodCondition => {
    const before = old.conditions?.find(({ type }) => type === condition.type);
    const same = before?.status === condition.status && before.lastTransitionTime;
    return { ...condition, lastTransitionTime: same ? before.lastTransitionTime : apiTime(now) };
  });
  // Some of our own conditions come once and stay: why the pod is ended, for one.
  for (const kept of old.conditions ?? []) {
    if (kept.type === "DisruptionTarget" && !conditions.some(({ type }) => type === kept.type)) conditions.push(kept);
  }
  return {
    ...status,
    conditions: withOthers(conditions, reported),
    startTime: old.startTime ?? status.startTime ?? apiTime(now),
  };
}

/** `own`, and the conditions in `reported` that are not the kubelet's to write. */
function withOthers(own: readonly PodCondition[], reported: PodStatus): PodCondition[] {
  const mine = own.filter(({ type }) => OWNED_CONDITIONS.includes(type));
  // Why a pod is to go may have been told by the kubelet or by whoever evicts it.
  const shared = (type: string) => type === "DisruptionTarget" && !mine.some((one) => one.type === type);
  const others = (reported.conditions ?? []).filter(({ type }) => !OWNED_CONDITIONS.includes(type) || shared(type));
  return [...mine, ...others];
}
