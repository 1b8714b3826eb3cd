import type { Pod, Service } from "../../api/types/core.v1.ts";
import { podCondition } from "../pod-state.ts";

/** Says when that which makes endpoints change happened; consumers measure from there how long programming them takes. */
export const LAST_CHANGE_TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";

/**
 * Remembers for each Service the times that it and its pods were last seen with, and finds the earliest of those that
 * are new. Undefined where nothing new has a time.
 */
export function triggerTimes(): {
  earliest(key: string, service: Service, pods: readonly Pod[]): string | undefined;
  forget(key: string): void;
} {
  const seen = new Map<string, { service: string | undefined; pods: Map<string, string> }>();
  return {
    earliest(key, service, pods) {
      const before = seen.get(key);
      const now = { service: service.metadata?.creationTimestamp, pods: new Map<string, string>() };
      const fresh: string[] = [];
      for (const pod of pods) {
        const name = pod.metadata?.name ?? "";
        const time = podCondition(pod, "Ready")?.lastTransitionTime;
        if (time === undefined) continue;
        now.pods.set(name, time);
        if (before && before.pods.get(name) !== time) fresh.push(time);
      }
      if (now.service !== undefined && before?.service !== now.service) fresh.push(now.service);
      seen.set(key, now);
      return fresh.sort()[0];
    },
    forget: (key) => void seen.delete(key),
  };
}
