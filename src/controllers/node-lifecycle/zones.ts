import type { Node } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { ControllerSettings } from "../settings.ts";
import { readyCondition } from "./heartbeats.ts";

export type ZoneState = "Normal" | "PartialDisruption" | "FullDisruption";

/** Region and zone of a node: nodes without either make up a zone of their own. */
export function zoneKey(node: Node): string {
  const { labels } = node.metadata ?? {};
  return `${labels?.["topology.kubernetes.io/region"] ?? ""}:${labels?.["topology.kubernetes.io/zone"] ?? ""}`;
}

export interface ZonePicture {
  /** Nodes per second that may be tainted in each zone; 0: none. */
  readonly rates: ReadonlyMap<string, number>;
  /** No zone has a ready node: more likely it is the master that hears nothing, so nobody is driven off. */
  readonly allDisrupted: boolean;
}

/** How fast nodes that are not ready may be emptied, zone by zone. */
export function surveyZones(nodes: readonly Node[], settings: ControllerSettings): ZonePicture {
  const counts = new Map<string, { ready: number; notReady: number }>();
  for (const node of nodes) {
    const key = zoneKey(node);
    const count = counts.get(key) ?? { ready: 0, notReady: 0 };
    if (readyCondition(node)?.status === "True") count.ready++;
    else count.notReady++;
    counts.set(key, count);
  }
  const rates = new Map<string, number>();
  let allDisrupted = counts.size > 0;
  for (const [key, { ready, notReady }] of counts) {
    const state = zoneState(ready, notReady, settings.unhealthyZoneThreshold);
    if (state !== "FullDisruption") allDisrupted = false;
    const large = ready + notReady > settings.largeClusterSizeThreshold;
    const slowed = large ? settings.secondaryNodeEvictionRate : 0;
    rates.set(key, state === "PartialDisruption" ? slowed : settings.nodeEvictionRate);
  }
  return { rates, allDisrupted };
}

export function zoneState(ready: number, notReady: number, threshold: number): ZoneState {
  if (ready === 0 && notReady > 0) return "FullDisruption";
  if (notReady > 2 && notReady / (notReady + ready) >= threshold) return "PartialDisruption";
  return "Normal";
}

/** Lets one node of a zone pass at a time. */
export function zoneGates(clock: Clock): {
  /** 0 where a node may pass now (and then it has), otherwise the wait in ms; undefined where none may. */
  pass(zone: string, perSecond: number): number | undefined;
} {
  const openAt = new Map<string, number>();
  return {
    pass(zone, perSecond) {
      if (perSecond === 0) return undefined;
      const now = clock.monotonic();
      const wait = (openAt.get(zone) ?? now) - now;
      if (wait > 0) return wait;
      openAt.set(zone, now + 1000 / perSecond);
      return 0;
    },
  };
}
