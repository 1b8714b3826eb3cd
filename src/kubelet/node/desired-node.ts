import type { Node } from "../../api/types/core.v1.ts";
import type { KubeletSettings } from "../settings.ts";

/** The node's object as the kubelet registers it, without a status. */
export function desiredNode(
  settings: Pick<KubeletSettings, "nodeName" | "hostname" | "nodeLabels" | "registerWithTaints" | "providerId">,
  system: { operatingSystem: string; architecture: string },
): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: settings.nodeName,
      labels: {
        "beta.kubernetes.io/arch": system.architecture,
        "beta.kubernetes.io/os": system.operatingSystem,
        "kubernetes.io/arch": system.architecture,
        "kubernetes.io/hostname": settings.hostname,
        "kubernetes.io/os": system.operatingSystem,
        ...settings.nodeLabels,
      },
      annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
    },
    spec: {
      ...(settings.providerId ? { providerID: settings.providerId } : {}),
      ...(settings.registerWithTaints.length > 0 ? { taints: [...settings.registerWithTaints] } : {}),
    },
  };
}
