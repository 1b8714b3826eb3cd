import { quantityValue } from "../../api/quantity.ts";

/** https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/ */
export const SIGNALS = {
  "memory.available": { resource: "memory", condition: "memory" },
  "nodefs.available": { resource: "ephemeral-storage", condition: "disk" },
  "nodefs.inodesFree": { resource: "inodes", condition: "disk" },
  "imagefs.available": { resource: "ephemeral-storage", condition: "disk" },
  "imagefs.inodesFree": { resource: "inodes", condition: "disk" },
  "pid.available": { resource: "pids", condition: "pid" },
} as const;
export type Signal = keyof typeof SIGNALS;
export type Pressure = (typeof SIGNALS)[Signal]["condition"];

export interface Observation {
  available: number;
  capacity: number;
}
export type Observations = ReadonlyMap<Signal, Observation>;

export interface Threshold {
  signal: Signal;
  /** An amount, or a share as in "10%". */
  value: string;
  /** How long it must hold before pods are evicted, in ms; 0 for a hard one. */
  graceMs: number;
}

/** Reads the settings' maps. Throws for a signal that there isn't, and for a soft one without a grace period. */
export function parseThresholds(
  hard: Readonly<Record<string, string>>,
  soft: Readonly<Record<string, string>>,
  softGraceMs: Readonly<Record<string, number>>,
): Threshold[] {
  const known = (signal: string): Signal => {
    if (!(signal in SIGNALS)) throw new Error(`eviction signal "${signal}" is not supported`);
    return signal as Signal;
  };
  const off = (value: string) => value === "0%" || value === "0";
  return [
    ...Object.entries(hard).map(([signal, value]) => ({ signal: known(signal), value, graceMs: 0 })),
    ...Object.entries(soft).map(([signal, value]) => {
      const graceMs = softGraceMs[signal];
      if (graceMs === undefined) throw new Error(`soft eviction threshold "${signal}" needs a grace period`);
      return { signal: known(signal), value, graceMs };
    }),
  ].filter(({ value }) => !off(value));
}

export function thresholdAmount(value: string, capacity: number): number {
  return value.endsWith("%") ? (capacity * Number(value.slice(0, -1))) / 100 : quantityValue(value);
}

/** What the manager remembers between looks. */
export interface EvictionMemory {
  /** Since when each threshold has been crossed without a break. */
  readonly crossedAt: ReadonlyMap<Threshold, number>;
  /** When each pressure was last seen. */
  readonly pressedAt: ReadonlyMap<Pressure, number>;
}
export interface Assessment {
  memory: EvictionMemory;
  pressures: Set<Pressure>;
  /** Crossed long enough for pods to be evicted, memory first: it can't wait. */
  due: Threshold[];
}

/** Judges what was observed at `now`. A pressure goes only when it was not seen for `transitionMs`. Pure. */
export function assess(
  thresholds: readonly Threshold[],
  observed: Observations,
  before: EvictionMemory,
  now: number,
  transitionMs: number,
): Assessment {
  const crossedAt = new Map<Threshold, number>();
  const pressedAt = new Map(before.pressedAt);
  for (const threshold of thresholds) {
    const observation = observed.get(threshold.signal);
    if (!observation || observation.available >= thresholdAmount(threshold.value, observation.capacity)) continue;
    crossedAt.set(threshold, before.crossedAt.get(threshold) ?? now);
    pressedAt.set(SIGNALS[threshold.signal].condition, now);
  }
  const pressures = new Set(
    [...pressedAt].filter(([, at]) => now - at < transitionMs || at === now).map(([one]) => one),
  );
  const due = [...crossedAt].filter(([{ graceMs }, since]) => now - since >= graceMs).map(([threshold]) => threshold);
  due.sort((a, b) => Number(b.signal === "memory.available") - Number(a.signal === "memory.available"));
  return { memory: { crossedAt, pressedAt }, pressures, due };
}
