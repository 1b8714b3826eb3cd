import type { CustomResourceDefinition } from "../../api/types/apiextensions.v1.ts";
import type { DeleteOptions } from "../../api/types/meta.v1.ts";
import { type DeletionPlan, timestamp } from "../registry/deletion.ts";
import { kindHooks } from "../registry/kind-hooks.ts";
import { withCondition } from "./conditions.ts";

/** Keeps a definition until its instances are gone. */
export const CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

/** A definition goes in two steps: its deletion marks it, and it is gone when the last of its instances is. */
export const definitionHooks = kindHooks<CustomResourceDefinition>({
  planDeletion(definition: CustomResourceDefinition, _: DeleteOptions, now: number): DeletionPlan | undefined {
    const metadata = definition.metadata ?? {};
    if (metadata.deletionTimestamp) return undefined;
    const finalizers = [...(metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER), CLEANUP_FINALIZER];
    return {
      action: "mark",
      changes: {
        metadata: { ...metadata, deletionTimestamp: timestamp(now), finalizers },
        status: withCondition(
          definition.status ?? {},
          {
            type: "Terminating",
            status: "True",
            reason: "InstanceDeletionPending",
            message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
          },
          now,
        ),
      },
    };
  },
  removeOnUpdate: () => true,
});
