import { Quantity, quantityMilliValue, quantityValue } from "../../api/quantity.ts";
import type { MachineInfo } from "./machine-info.ts";

export interface CapacityInputs {
  machine: MachineInfo;
  /** Of the file system that the kubelet's directory is on, in bytes. */
  filesystemBytes: number;
  maxPods: number;
  podsPerCore: number;
  kubeReserved: Readonly<Record<string, string>>;
  systemReserved: Readonly<Record<string, string>>;
  evictionHard: Readonly<Record<string, string>>;
}
export interface Capacity {
  capacity: Record<string, string>;
  allocatable: Record<string, string>;
  /** What pods together may take of memory: more than is allocatable, by what eviction keeps free. */
  podMemoryLimit: number;
}

const BYTES_PER_KI = 1024;

/** What the node has, and what of it pods can be promised: all but reservations and eviction's thresholds. */
export function nodeCapacity(inputs: CapacityInputs): Capacity {
  const { machine } = inputs;
  const pods = inputs.podsPerCore > 0 ? Math.min(inputs.podsPerCore * machine.cpus, inputs.maxPods) : inputs.maxPods;
  const kibi = (bytes: number) => `${Math.trunc(bytes / BYTES_PER_KI)}Ki`;
  const hugepages = [...machine.hugepages].map(
    ([name, { size, count }]) => [`hugepages-${name}`, size * count] as const,
  );
  const capacity: Record<string, string> = {
    cpu: String(machine.cpus),
    "ephemeral-storage": kibi(inputs.filesystemBytes),
    ...Object.fromEntries(
      hugepages.map(([name, bytes]) => [name, bytes === 0 ? "0" : Quantity.of(bytes, "BinarySI").toString()]),
    ),
    memory: kibi(machine.memoryBytes),
    pods: String(pods),
  };
  const reserved = (name: string) =>
    [inputs.kubeReserved[name], inputs.systemReserved[name]].filter((text) => text !== undefined);
  const cpu = machine.cpus * 1000 - sum(reserved("cpu").map(quantityMilliValue));
  const pageBytes = sum(hugepages.map(([, bytes]) => bytes));
  const podMemoryLimit = machine.memoryBytes - sum(reserved("memory").map(quantityValue));
  const memory =
    podMemoryLimit - thresholdBytes(inputs.evictionHard["memory.available"], machine.memoryBytes) - pageBytes;
  const storage =
    inputs.filesystemBytes -
    sum(reserved("ephemeral-storage").map(quantityValue)) -
    thresholdBytes(inputs.evictionHard["nodefs.available"], inputs.filesystemBytes);
  return {
    capacity,
    allocatable: {
      ...capacity,
      cpu: Quantity.ofMilli(Math.max(cpu, 0)).toString(),
      "ephemeral-storage": String(Math.max(Math.trunc(storage), 0)),
      memory: kibi(Math.max(memory, 0)),
    },
    podMemoryLimit,
  };
}

/** A threshold as bytes: an amount, or a share of `total` as in "10%". */
export function thresholdBytes(text: string | undefined, total: number): number {
  if (text === undefined) return 0;
  return text.endsWith("%") ? (total * Number(text.slice(0, -1))) / 100 : quantityValue(text);
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
