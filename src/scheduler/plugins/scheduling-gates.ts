import type { Plugin } from "../framework.ts";

/** Pods wait until all their scheduling gates are removed (KEP-3521). */
export const schedulingGates: Plugin = {
  name: "SchedulingGates",
  preEnqueue({ spec }) {
    const gates = spec?.schedulingGates ?? [];
    if (gates.length === 0) return undefined;
    return {
      plugin: "SchedulingGates",
      reasons: [`waiting for scheduling gates: [${gates.map(({ name }) => name).join(" ")}]`],
      unresolvable: true,
    };
  },
  wakes: (pod, event) => event.kind === "pod-updated" && event.pod.metadata?.uid === pod.metadata?.uid,
};
