import type { KubeObject, UnknownObject } from "../../api/object.ts";
import type { DeleteOptions } from "../../api/types/meta.v1.ts";
import type { DeletionPlan } from "./deletion.ts";
import type { WriteRequest } from "./write-request.ts";

/**
 * What a few kinds need beside their (pure) definition: allocations that live in the server, and deletions by rules of
 * their own. The registry calls these at fixed points of a write.
 */
export interface KindHooks<T extends KubeObject = UnknownObject> {
  /** Before a new object is validated; may change it. The function returned is told what came of it. */
  beginCreate?(object: T, request: WriteRequest): Finish | Promise<Finish>;
  /** Before an update is validated; may change `object`. */
  beginUpdate?(object: T, old: T, request: WriteRequest): Finish | Promise<Finish>;
  /** After the object is gone. */
  afterDelete?(object: T): Promise<void> | void;
  /** Instead of planDeletion, where it returns something. */
  planDeletion?(object: T, options: DeleteOptions, now: number): DeletionPlan | undefined;
  /** Whether this updated object is to be removed rather than written. Default: its finalizers and grace have run out. */
  removeOnUpdate?(object: T): boolean;
}

/** `unknown`: the store was lost while it was writing. */
export type Outcome = "written" | "refused" | "unknown";
export type Finish = (outcome: Outcome) => void | Promise<void>;

/** Forgets the type of the hooks' objects, so that those of all kinds fit into one table. */
export function kindHooks<T extends KubeObject>(hooks: KindHooks<T>): KindHooks {
  return hooks as unknown as KindHooks;
}
