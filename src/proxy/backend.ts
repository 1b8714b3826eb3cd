import type { Frontend } from "./service-tracker.ts";

/** Puts Services into effect on the node's packets. */
export interface ProxyBackend {
  /** Replaces whatever is in place with exactly these front ends. Also how a failed `update` is repaired. */
  replace(services: ReadonlyMap<string, readonly Frontend[]>): Promise<void>;
  /** Applies the new front ends of some Services (none: the Service is gone). All or nothing. */
  update(changes: ReadonlyMap<string, readonly Frontend[]>): Promise<void>;
  /** Takes everything out. */
  remove(): Promise<void>;
}
