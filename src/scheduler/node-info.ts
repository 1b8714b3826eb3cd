import { podRequests, type ResourceAmounts, resourceAmounts } from "../api/pod-requests.ts";
import type { Node, Pod } from "../api/types/core.v1.ts";

/** A pod with what is computed from it once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly requests: ResourceAmounts;
  readonly ports: readonly HostPort[];
}

export interface HostPort {
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

/** What scoring counts for a container that requests nothing: upstream's 100 millicores and 200 MiB. */
const DEFAULT_MILLI_CPU = 100;
const DEFAULT_MEMORY = 200 * 1024 * 1024;

export function podInfo(pod: Pod): PodInfo {
  const containers = [
    ...(pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always"),
    ...(pod.spec?.containers ?? []),
  ];
  const ports = containers.flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort, protocol = "TCP", hostIP }) =>
      hostPort ? [{ protocol, ip: hostIP || "0.0.0.0", port: hostPort }] : [],
    ),
  );
  return { pod, requests: podRequests(pod), ports };
}

/** A node and the pods that are on it or assumed to be; kept up to date as pods come and go. */
export class NodeInfo {
  node: Node | undefined;
  allocatable: ResourceAmounts = {};
  readonly pods = new Map<string, PodInfo>();
  /** Sums of the pods' requests. */
  readonly requested: ResourceAmounts = {};
  /** CPU and memory again, with the defaults for those that request nothing; for scoring. */
  readonly requestedOrDefault = { cpu: 0, memory: 0 };
  /** Pods with affinity terms of any kind, which other pods must respect. */
  readonly podsWithAffinity = new Set<PodInfo>();

  setNode(node: Node | undefined): void {
    this.node = node;
    this.allocatable = resourceAmounts(node?.status?.allocatable);
  }

  add(info: PodInfo): void {
    this.pods.set(info.pod.metadata!.uid!, info);
    this.#count(info, 1);
    if (info.pod.spec?.affinity?.podAffinity || info.pod.spec?.affinity?.podAntiAffinity)
      this.podsWithAffinity.add(info);
  }

  remove(uid: string): void {
    const info = this.pods.get(uid);
    if (!info) return;
    this.pods.delete(uid);
    this.#count(info, -1);
    this.podsWithAffinity.delete(info);
  }

  /** A copy that may be changed freely, for trying out what would be. */
  clone(): NodeInfo {
    const copy = new NodeInfo();
    copy.setNode(this.node);
    for (const info of this.pods.values()) copy.add(info);
    return copy;
  }

  #count(info: PodInfo, sign: 1 | -1): void {
    for (const [name, amount] of Object.entries(info.requests)) {
      this.requested[name] = (this.requested[name] ?? 0) + sign * amount;
    }
    this.requestedOrDefault.cpu += sign * (info.requests.cpu || DEFAULT_MILLI_CPU);
    this.requestedOrDefault.memory += sign * (info.requests.memory || DEFAULT_MEMORY);
  }
}

/** What a pod counts in scoring. */
export function requestOrDefault(info: PodInfo): { cpu: number; memory: number } {
  return { cpu: info.requests.cpu || DEFAULT_MILLI_CPU, memory: info.requests.memory || DEFAULT_MEMORY };
}
