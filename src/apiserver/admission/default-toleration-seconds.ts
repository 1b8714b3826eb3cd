import { pods } from "../../api/resource-types.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, written } from "./refusal.ts";

/** Seconds that a pod stays on a node that is not ready or not reachable, unless it says otherwise. */
export interface DefaultTolerationOptions {
  notReadySeconds?: number;
  unreachableSeconds?: number;
}
const DEFAULT_SECONDS = 300;

/** DefaultTolerationSeconds: a pod tolerates an unready and an unreachable node for five minutes. */
export function defaultTolerationSeconds(options: DefaultTolerationOptions = {}): AdmissionPlugin {
  const defaults = [
    { key: "node.kubernetes.io/not-ready", seconds: options.notReadySeconds ?? DEFAULT_SECONDS },
    { key: "node.kubernetes.io/unreachable", seconds: options.unreachableSeconds ?? DEFAULT_SECONDS },
  ];
  return {
    name: "DefaultTolerationSeconds",
    handles: (attributes) =>
      concerns(attributes, pods) && (attributes.operation === "CREATE" || attributes.operation === "UPDATE"),
    admit(attributes) {
      const { spec } = written<Pod>(attributes);
      if (!spec) return;
      const given = spec.tolerations ?? [];
      const missing = defaults.filter(
        ({ key }) => !given.some((one) => (!one.key || one.key === key) && (!one.effect || one.effect === "NoExecute")),
      );
      if (missing.length === 0) return;
      spec.tolerations = [
        ...given,
        ...missing.map(({ key, seconds }) => ({
          key,
          operator: "Exists" as const,
          effect: "NoExecute" as const,
          tolerationSeconds: seconds,
        })),
      ];
    },
  };
}
