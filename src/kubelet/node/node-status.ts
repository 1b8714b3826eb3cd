import type { ContainerImage, NodeAddress, NodeCondition, NodeStatus } from "../../api/types/core.v1.ts";
import { apiTime } from "../pod/pod.ts";
import type { Image } from "../runtime.ts";
import type { Capacity } from "./capacity.ts";
import type { MachineInfo } from "./machine-info.ts";

export interface NodeStatusInputs {
  now: number;
  machine: MachineInfo;
  capacity: Capacity;
  hostname: string;
  nodeIps: readonly string[];
  port: number;
  kubeletVersion: string;
  /** As in `containerd://1.7.2`. */
  runtimeVersion: string;
  images: readonly Image[];
  /** Which resources are short. */
  pressure: { memory: boolean; disk: boolean; pid: boolean };
  /** Why the node can't run pods; empty: it can. */
  notReady: readonly string[];
  /** The conditions last reported. */
  old: readonly NodeCondition[];
}

/** Upstream's bound on the list of images in the status. */
const MAX_IMAGES = 50;
const MAX_NAMES_PER_IMAGE = 5;

/** The whole status of the node. Pure. */
export function nodeStatus(inputs: NodeStatusInputs): NodeStatus {
  const { machine } = inputs;
  return {
    capacity: inputs.capacity.capacity,
    allocatable: inputs.capacity.allocatable,
    conditions: nodeConditions(inputs),
    addresses: addresses(inputs.nodeIps, inputs.hostname),
    daemonEndpoints: { kubeletEndpoint: { Port: inputs.port } },
    nodeInfo: {
      ...machine.system,
      containerRuntimeVersion: inputs.runtimeVersion,
      kubeletVersion: inputs.kubeletVersion,
      kubeProxyVersion: "",
    },
    images: images(inputs.images),
  };
}

export function addresses(ips: readonly string[], hostname: string): NodeAddress[] {
  return [...ips.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: hostname }];
}

/** The largest first, since those are what the scheduler's image locality is about. */
function images(all: readonly Image[]): ContainerImage[] {
  return all
    .map(({ repoDigests, repoTags, sizeBytes }) => ({
      names: [...repoDigests, ...repoTags].slice(0, MAX_NAMES_PER_IMAGE),
      sizeBytes,
    }))
    .filter(({ names }) => names.length > 0)
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, MAX_IMAGES);
}

export function nodeConditions(
  inputs: Pick<NodeStatusInputs, "now" | "pressure" | "notReady" | "old">,
): NodeCondition[] {
  const { pressure, notReady } = inputs;
  const verdict = (bad: boolean, whenBad: [string, string], whenGood: [string, string]) => {
    const [reason, message] = bad ? whenBad : whenGood;
    return { status: bad ? "True" : "False", reason, message };
  };
  const list: NodeCondition[] = [
    {
      type: "MemoryPressure",
      ...verdict(
        pressure.memory,
        ["KubeletHasInsufficientMemory", "kubelet has insufficient memory available"],
        ["KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
      ),
    },
    {
      type: "DiskPressure",
      ...verdict(
        pressure.disk,
        ["KubeletHasDiskPressure", "kubelet has disk pressure"],
        ["KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
      ),
    },
    {
      type: "PIDPressure",
      ...verdict(
        pressure.pid,
        ["KubeletHasInsufficientPID", "kubelet has insufficient PID available"],
        ["KubeletHasSufficientPID", "kubelet has sufficient PID available"],
      ),
    },
    notReady.length === 0
      ? { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" }
      : {
          type: "Ready",
          status: "False",
          reason: "KubeletNotReady",
          message: notReady.length === 1 ? notReady[0]! : `[${notReady.join(", ")}]`,
        },
  ];
  const now = apiTime(inputs.now);
  return list.map((condition) => {
    const before = inputs.old.find(({ type }) => type === condition.type);
    const same = before?.status === condition.status && before.lastTransitionTime;
    return { ...condition, lastHeartbeatTime: now, lastTransitionTime: same ? before.lastTransitionTime : now };
  });
}
