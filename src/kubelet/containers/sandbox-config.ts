import type { Pod } from "../../api/types/core.v1.ts";
import { apiTime, initContainers, isSidecar, podName, podNamespace, podUid, regularContainers } from "../pod/pod.ts";
import { sandboxAnnotations, sandboxLabels } from "../pod/runtime-labels.ts";
import type { SandboxConfig } from "../runtime.ts";
import type { ResolverConfig } from "./dns-config.ts";
import type { PodHostname } from "./hostname.ts";
import { sandboxSecurity } from "./security-context.ts";

export interface SandboxInputs {
  pod: Pod;
  attempt: number;
  hostname: PodHostname;
  dns: ResolverConfig;
  logDirectory: string;
  /** Absent: the runtime's own default. */
  cgroupParent?: string;
  /** When the kubelet first saw the pod, wall time in ms. */
  seenAt: number;
}

/** What the runtime is told of the pod as a whole. */
export function sandboxConfig(inputs: SandboxInputs): SandboxConfig {
  const { pod, attempt } = inputs;
  const hostNetwork = pod.spec?.hostNetwork ?? false;
  return {
    metadata: { name: podName(pod), namespace: podNamespace(pod), uid: podUid(pod), attempt },
    // The runtime would set the node's own host name otherwise.
    hostname: hostNetwork ? "" : inputs.hostname.hostname,
    logDirectory: inputs.logDirectory,
    dns: inputs.dns,
    portMappings: hostNetwork ? [] : portMappings(pod),
    labels: sandboxLabels(pod),
    annotations: sandboxAnnotations(pod, apiTime(inputs.seenAt)),
    linux: {
      ...(inputs.cgroupParent ? { cgroupParent: inputs.cgroupParent } : {}),
      sysctls: Object.fromEntries((pod.spec?.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
      security: sandboxSecurity(pod),
    },
  };
}

function portMappings(pod: Pod): SandboxConfig["portMappings"] {
  const serving = [...initContainers(pod).filter(isSidecar), ...regularContainers(pod)];
  return serving.flatMap((container) =>
    (container.ports ?? [])
      .filter(({ hostPort }) => hostPort)
      .map(({ protocol = "TCP", containerPort, hostPort, hostIP }) => ({
        protocol: protocol as "TCP" | "UDP" | "SCTP",
        containerPort,
        hostPort: hostPort!,
        ...(hostIP ? { hostIp: hostIP } : {}),
      })),
  );
}
