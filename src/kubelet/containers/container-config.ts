import type { Pod } from "../../api/types/core.v1.ts";
import type { AnyContainer } from "../pod/pod.ts";
import { containerAnnotations, containerLabels } from "../pod/runtime-labels.ts";
import type { ContainerConfig, ContainerSecurity, Image, LinuxResources, Mount } from "../runtime.ts";
import { expand } from "./expansion.ts";
import { containerLogPath } from "./log-paths.ts";

export interface ContainerInputs {
  pod: Pod;
  container: AnyContainer;
  restartCount: number;
  image: Image;
  environment: ReadonlyMap<string, string>;
  mounts: Mount[];
  resources: LinuxResources;
  security: ContainerSecurity;
}

/** What the runtime is told of one container. */
export function containerConfig(inputs: ContainerInputs): ContainerConfig {
  const { pod, container, restartCount, environment } = inputs;
  const substitute = (text: string) => expand(text, (name) => environment.get(name));
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: inputs.image.id,
    userSpecifiedImage: container.image ?? "",
    command: (container.command ?? []).map(substitute),
    args: (container.args ?? []).map(substitute),
    workingDir: container.workingDir ?? "",
    envs: [...environment].map(([key, value]) => ({ key, value })),
    mounts: inputs.mounts,
    devices: [],
    labels: containerLabels(pod, container),
    annotations: containerAnnotations(pod, container, restartCount),
    logPath: containerLogPath(container.name, restartCount),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: { resources: inputs.resources, security: inputs.security },
    ...(container.lifecycle?.stopSignal ? { stopSignal: container.lifecycle.stopSignal } : {}),
  };
}
