import type { Pod } from "../../api/types/core.v1.ts";
import { allContainers } from "../pod/pod.ts";

/** The names of the ConfigMaps and Secrets that a pod refers to, in its own namespace. */
export interface PodReferences {
  configMaps: Set<string>;
  secrets: Set<string>;
}

export function podReferences(pod: Pod): PodReferences {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  const add = (to: Set<string>, name: string | undefined) => {
    if (name) to.add(name);
  };
  for (const { name } of pod.spec?.imagePullSecrets ?? []) add(secrets, name);
  for (const { container } of allContainers(pod)) {
    for (const from of container.envFrom ?? []) {
      add(configMaps, from.configMapRef?.name);
      add(secrets, from.secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add(configMaps, valueFrom?.configMapKeyRef?.name);
      add(secrets, valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of pod.spec?.volumes ?? []) {
    add(configMaps, volume.configMap?.name);
    add(secrets, volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      add(configMaps, source.configMap?.name);
      add(secrets, source.secret?.name);
    }
  }
  return { configMaps, secrets };
}
