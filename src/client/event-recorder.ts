import type { KubeObject } from "../api/object.ts";
import type { ObjectReference } from "../api/types/core.v1.ts";

/**
 * Records events about objects, as upstream's record package does: written in the background, never failing the caller;
 * repetitions are counted on one Event object, and similar ones are aggregated beyond upstream's limits.
 */
export interface EventRecorder {
  /** `about` is an object with apiVersion, kind, name and uid, or a reference. */
  event(about: KubeObject | ObjectReference, type: "Normal" | "Warning", reason: string, message: string): void;
  /** Resolves when all events recorded so far were written or given up. */
  flush(): Promise<void>;
}
