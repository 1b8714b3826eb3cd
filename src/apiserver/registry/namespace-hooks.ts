import type { Namespace } from "../../api/types/core.v1.ts";
import type { DeleteOptions } from "../../api/types/meta.v1.ts";
import { collectorFinalizers, type DeletionPlan, timestamp, withFinalizers } from "./deletion.ts";
import { kindHooks } from "./kind-hooks.ts";

/**
 * A namespace goes in two steps: its deletion marks it Terminating, the namespace controller empties it and takes its
 * finalizers (those of the spec) away, and with the last one it is gone.
 */
export const namespaceHooks = kindHooks<Namespace>({
  planDeletion(namespace: Namespace, options: DeleteOptions, now: number): DeletionPlan | undefined {
    const metadata = namespace.metadata ?? {};
    if (!metadata.deletionTimestamp) {
      const finalizers = collectorFinalizers(metadata.finalizers ?? [], options, "Background");
      return {
        action: "mark",
        changes: {
          metadata: withFinalizers({ ...metadata, deletionTimestamp: timestamp(now) }, finalizers),
          status: { ...namespace.status, phase: "Terminating" },
        },
      };
    }
    return namespace.spec?.finalizers?.length ? { action: "none" } : undefined;
  },
  removeOnUpdate: (namespace: Namespace) => !namespace.spec?.finalizers?.length,
});
