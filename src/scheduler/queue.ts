import type { Pod } from "../api/types/core.v1.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { ClusterEvent } from "./framework.ts";

/** A pod waiting for a node. */
export interface QueuedPod {
  pod: Pod;
  /** How often it was tried. */
  attempts: number;
  /** When it first entered the queue, and when it was last put back; wall ms. */
  readonly firstSeen: number;
  timestamp: number;
  /** The plugins that rejected it last. */
  rejectedBy: ReadonlySet<string>;
}

export interface SchedulingQueueOptions {
  clock: Clock;
  /** Whether `event` may let a pod be scheduled that these plugins rejected. */
  wakes(pod: Pod, rejectedBy: ReadonlySet<string>, event: ClusterEvent): boolean;
  /** Default 1 s and 10 s. */
  initialBackoffMs?: number;
  maxBackoffMs?: number;
  /** A pod that nothing woke is tried again after this long. Default 5 min. */
  unschedulableTimeoutMs?: number;
}

/**
 * The three places of upstream's scheduling queue:
 *
 * - active: ready to be tried, the highest priority first, then the longest waiting;
 * - back-off: to be tried again after 1 s, 2 s … 10 s, by the number of attempts;
 * - unschedulable: rejected, until an event that may change that, or five minutes.
 *
 * An event that comes in while a pod is being tried counts for it too.
 */
export class SchedulingQueue {
  readonly #options: Required<SchedulingQueueOptions>;
  readonly #active = new Map<string, QueuedPod>();
  readonly #backoff = new Map<string, { entry: QueuedPod; timer: Timer }>();
  readonly #unschedulable = new Map<string, { entry: QueuedPod; timer: Timer }>();
  /** Pods between `pop` and `done`, with the events since. */
  readonly #inFlight = new Map<string, ClusterEvent[]>();
  #waiting: ((entry: QueuedPod | undefined) => void) | undefined;
  #closed = false;

  constructor(options: SchedulingQueueOptions) {
    this.#options = { initialBackoffMs: 1000, maxBackoffMs: 10_000, unschedulableTimeoutMs: 300_000, ...options };
  }

  /** How many wait in each place. */
  get lengths(): { active: number; backoff: number; unschedulable: number } {
    return { active: this.#active.size, backoff: this.#backoff.size, unschedulable: this.#unschedulable.size };
  }

  /**
   * A new pod, or one that was written while it waited; `changed` tells whether in a way that scheduling looks at. The
   * plugin `gatedBy` keeps it out of the active queue.
   */
  add(pod: Pod, gatedBy?: string, changed = true): void {
    const uid = pod.metadata!.uid!;
    const known = this.#find(uid);
    const now = this.#options.clock.now();
    const entry: QueuedPod = known ?? { pod, attempts: 0, firstSeen: now, timestamp: now, rejectedBy: new Set() };
    entry.pod = pod;
    if (gatedBy) {
      this.#take(uid);
      entry.rejectedBy = new Set([gatedBy]);
      this.#park(entry, false);
      return;
    }
    if (known) {
      const event: ClusterEvent = { kind: "pod-updated", pod };
      if (changed && this.#unschedulable.has(uid) && this.#options.wakes(pod, entry.rejectedBy, event))
        this.#wake(uid, entry);
      return;
    }
    const events = this.#inFlight.get(uid);
    if (events) {
      if (changed) events.push({ kind: "pod-updated", pod });
      return;
    }
    this.#activate(entry);
  }

  remove(uid: string): void {
    this.#take(uid);
  }

  /** The next pod to try; undefined once closed. Must be followed by `done` or `reject`. */
  pop(): Promise<QueuedPod | undefined> {
    const next = this.#best();
    if (next) return Promise.resolve(this.#start(next));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** The pod was dealt with. */
  done(uid: string): void {
    this.#inFlight.delete(uid);
  }

  /** The pod found no node (`rejectedBy` says why), or something failed (empty): it will be tried again. */
  reject(entry: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    const uid = entry.pod.metadata!.uid!;
    const missed = this.#inFlight.get(uid) ?? [];
    this.#inFlight.delete(uid);
    entry.rejectedBy = rejectedBy;
    entry.timestamp = this.#options.clock.now();
    if (rejectedBy.size === 0 || missed.some((event) => this.#options.wakes(entry.pod, rejectedBy, event)))
      this.#delay(entry);
    else this.#park(entry, true);
  }

  /** Something changed in the cluster. */
  notify(event: ClusterEvent): void {
    for (const events of this.#inFlight.values()) events.push(event);
    for (const [uid, { entry }] of [...this.#unschedulable]) {
      if (this.#options.wakes(entry.pod, entry.rejectedBy, event)) this.#wake(uid, entry);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of [...this.#backoff.values(), ...this.#unschedulable.values()]) timer.cancel();
    this.#waiting?.(undefined);
    this.#waiting = undefined;
  }

  #wake(uid: string, entry: QueuedPod): void {
    this.#take(uid);
    this.#delay(entry);
  }

  /** Into the back-off queue for what is left of its time, or straight to the active one. */
  #delay(entry: QueuedPod): void {
    const { clock, initialBackoffMs, maxBackoffMs } = this.#options;
    const backoff = entry.attempts === 0 ? 0 : Math.min(initialBackoffMs * 2 ** (entry.attempts - 1), maxBackoffMs);
    const left = entry.timestamp + backoff - clock.now();
    if (left <= 0) {
      this.#activate(entry);
      return;
    }
    const uid = entry.pod.metadata!.uid!;
    const timer = clock.after(left, () => {
      this.#backoff.delete(uid);
      this.#activate(entry);
    });
    this.#backoff.set(uid, { entry, timer });
  }

  #park(entry: QueuedPod, withTimeout: boolean): void {
    const uid = entry.pod.metadata!.uid!;
    const { clock, unschedulableTimeoutMs } = this.#options;
    const timer = withTimeout ? clock.after(unschedulableTimeoutMs, () => this.#wake(uid, entry)) : { cancel() {} };
    this.#unschedulable.set(uid, { entry, timer });
  }

  #activate(entry: QueuedPod): void {
    this.#active.set(entry.pod.metadata!.uid!, entry);
    if (!this.#waiting) return;
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve(this.#start(this.#best()!));
  }

  #start(entry: QueuedPod): QueuedPod {
    const uid = entry.pod.metadata!.uid!;
    this.#active.delete(uid);
    this.#inFlight.set(uid, []);
    entry.attempts++;
    return entry;
  }

  #best(): QueuedPod | undefined {
    let best: QueuedPod | undefined;
    for (const entry of this.#active.values()) {
      if (
        !best ||
        priority(entry) > priority(best) ||
        (priority(entry) === priority(best) && entry.timestamp < best.timestamp)
      ) {
        best = entry;
      }
    }
    return best;
  }

  #find(uid: string): QueuedPod | undefined {
    return this.#active.get(uid) ?? this.#backoff.get(uid)?.entry ?? this.#unschedulable.get(uid)?.entry;
  }

  #take(uid: string): void {
    this.#active.delete(uid);
    this.#backoff.get(uid)?.timer.cancel();
    this.#backoff.delete(uid);
    this.#unschedulable.get(uid)?.timer.cancel();
    this.#unschedulable.delete(uid);
  }
}

const priority = (entry: QueuedPod) => entry.pod.spec?.priority ?? 0;
