import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCapacity } from "./capacity.ts";
import { countRanges, type MachineInfo, memoryValue } from "./machine-info.ts";
import { nodeConditions } from "./node-status.ts";

const machine = {
  cpus: 4,
  memoryBytes: 8 * 1024 ** 3,
  hugepages: new Map([["2Mi", { size: 2 * 1024 ** 2, count: 10 }]]),
} as unknown as MachineInfo;

test("allocatable is what is left of the capacity after reservations and eviction's thresholds", () => {
  const { capacity, allocatable, podMemoryLimit } = nodeCapacity({
    machine,
    filesystemBytes: 100 * 1024 ** 3,
    maxPods: 110,
    podsPerCore: 10,
    kubeReserved: { cpu: "100m", memory: "1Gi" },
    systemReserved: { cpu: "200m" },
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "10%" },
  });
  assert.deepEqual(capacity, {
    cpu: "4",
    memory: "8388608Ki",
    pods: "40",
    "ephemeral-storage": "104857600Ki",
    "hugepages-2Mi": "20Mi",
  });
  assert.equal(allocatable["cpu"], "3700m");
  assert.equal(allocatable["memory"], `${8388608 - 1024 * 1024 - 100 * 1024 - 20 * 1024}Ki`);
  assert.equal(allocatable["ephemeral-storage"], String(0.9 * 100 * 1024 ** 3));
  assert.equal(podMemoryLimit, 7 * 1024 ** 3);
});

test("the kernel's files", () => {
  assert.equal(countRanges("0-3,8,10-11"), 7);
  assert.equal(countRanges(""), 0);
  assert.equal(memoryValue("MemTotal:       16 kB\nMemAvailable:    4 kB\n", "MemAvailable"), 4096);
});

test("conditions keep the time of their last transition", () => {
  const well = { memory: false, disk: false, pid: false };
  const first = nodeConditions({ now: 0, pressure: well, notReady: ["a", "b"], old: [] });
  assert.equal(first.at(-1)?.message, "[a, b]");
  const second = nodeConditions({ now: 60_000, pressure: { ...well, disk: true }, notReady: [], old: first });
  const find = (type: string) => second.find((one) => one.type === type);
  assert.deepEqual(find("Ready"), {
    type: "Ready",
    status: "True",
    reason: "KubeletReady",
    message: "kubelet is posting ready status",
    lastHeartbeatTime: "1970-01-01T00:01:00Z",
    lastTransitionTime: "1970-01-01T00:01:00Z",
  });
  assert.equal(find("DiskPressure")?.reason, "KubeletHasDiskPressure");
  assert.equal(find("MemoryPressure")?.lastTransitionTime, "1970-01-01T00:00:00Z");
});
