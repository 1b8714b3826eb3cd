import { STAGE_API_VERSION, type Stage, type StageSpec } from "../stage.ts";

/** A stage of a core kind. */
export const stage = (name: string, kind: string, spec: Omit<StageSpec, "resourceRef">): Stage => ({
  apiVersion: STAGE_API_VERSION,
  kind: "Stage",
  metadata: { name },
  spec: { resourceRef: { apiGroup: "v1", kind }, ...spec },
});

/** The same stages, each over at once, except for waits of half a minute and more: those are not for effect. */
export function withoutDelays(stages: readonly Stage[]): Stage[] {
  return stages.map((one) => {
    const { delay, ...spec } = one.spec;
    if (!delay || (delay.durationMilliseconds ?? 0) >= LASTING_MS || !delay.jitterDurationMilliseconds) return one;
    const { durationFrom } = delay;
    return { ...one, spec: { ...spec, ...(durationFrom ? { delay: { durationFrom } } : {}) } };
  });
}
const LASTING_MS = 30_000;
