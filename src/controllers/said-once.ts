import type { KubeObject } from "../api/object.ts";
import type { EventRecorder } from "../client/event-recorder.ts";

/**
 * Events that hold as long as a state does: said when they begin to be true, not whenever the object is looked at again
 * (upstream repeats them every 15 s).
 */
export interface SaidOnce {
  say(about: KubeObject, type: "Normal" | "Warning", reason: string, message: string): void;
  /** The object is gone, or nothing is to be said of it any more. */
  forget(about: KubeObject): void;
}

export function saidOnce(recorder: EventRecorder): SaidOnce {
  const last = new Map<string, string>();
  const keyOf = ({ metadata }: KubeObject) => metadata?.uid ?? "";
  return {
    say(about, type, reason, message) {
      const said = `${reason}: ${message}`;
      if (last.get(keyOf(about)) === said) return;
      last.set(keyOf(about), said);
      recorder.event(about, type, reason, message);
    },
    forget: (about) => void last.delete(keyOf(about)),
  };
}
