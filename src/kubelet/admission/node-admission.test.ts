import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node, Pod, PodSpec, Taint } from "../../api/types/core.v1.ts";
import { CONFIG_SOURCE_ANNOTATION } from "../pod/pod.ts";
import { admit } from "./node-admission.ts";

const node = (taints: Taint[] = []): Node => ({
  metadata: { name: "n", labels: { "kubernetes.io/os": "linux", zone: "a" } },
  spec: { taints },
  status: { allocatable: { cpu: "2", memory: "1Gi", pods: "2" } },
});
const pod = (spec: Partial<PodSpec> = {}, metadata: Pod["metadata"] = {}): Pod => ({
  metadata: { name: "p", ...metadata },
  spec: { nodeName: "n", containers: [{ name: "c" }], ...spec },
});
const cpu = (amount: string) => ({ containers: [{ name: "c", resources: { requests: { cpu: amount } } }] });
const port = (hostPort: number, more: object = {}) => ({
  containers: [{ name: "c", ports: [{ containerPort: 80, hostPort, ...more }] }],
});
const judge = (subject: Pod, others: Pod[] = [], taints: Taint[] = []) =>
  admit({ pod: subject, others, node: node(taints), allowedUnsafeSysctls: ["kernel.msg*"] });

test("what fits is taken", () => {
  assert.equal(judge(pod(cpu("2"))), undefined);
  assert.equal(judge(pod({ nodeSelector: { zone: "a" } })), undefined);
  assert.equal(judge(pod(port(80)), [pod(port(80, { protocol: "UDP" }))]), undefined);
  assert.equal(
    judge(pod(), [], [{ key: "k", effect: "NoSchedule" }]),
    undefined,
    "NoSchedule is the scheduler's business",
  );
});

test("what does not is refused in upstream's words", () => {
  const cases: [Pod, Pod[], string, string][] = [
    [
      pod(cpu("1500m")),
      [pod(cpu("1"))],
      "OutOfcpu",
      "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
    ],
    [pod(), [pod(), pod()], "OutOfpods", "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2"],
    [
      pod({ nodeSelector: { zone: "b" } }),
      [],
      "NodeAffinity",
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
    [
      pod({ nodeName: "other" }),
      [],
      "NodeName",
      "Predicate NodeName failed: node(s) didn't match the requested node name",
    ],
    [
      pod(port(80)),
      [pod(port(80, { hostIP: "10.0.0.1" }))],
      "NodePorts",
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ],
    [
      pod({ os: { name: "windows" } }),
      [],
      "PodOSNotSupported",
      "Failed to admit pod as the OS field doesn't match node OS",
    ],
    [
      pod({ securityContext: { sysctls: [{ name: "kernel.shmmax", value: "1" }] } }),
      [],
      "SysctlForbidden",
      'forbidden sysctl: "kernel.shmmax" not allowlisted',
    ],
  ];
  for (const [subject, others, reason, message] of cases) assert.deepEqual(judge(subject, others), { reason, message });
  assert.equal(judge(pod({ hostUsers: false }))?.reason, "UnexpectedAdmissionError");
});

test("a taint of NoExecute keeps out all but static pods and those that tolerate it", () => {
  const taint = { key: "k", effect: "NoExecute" };
  assert.equal(judge(pod(), [], [taint])?.reason, "TaintToleration");
  assert.equal(judge(pod({ tolerations: [{ key: "k", operator: "Exists" }] }), [], [taint]), undefined);
  assert.equal(judge(pod({}, { annotations: { [CONFIG_SOURCE_ANNOTATION]: "file" } }), [], [taint]), undefined);
});

test("sysctls that were allowed on this node may be set", () => {
  const sysctl = (name: string) => pod({ securityContext: { sysctls: [{ name, value: "1" }] } });
  assert.equal(judge(sysctl("kernel.msgmax")), undefined);
  assert.equal(judge(sysctl("net.ipv4.tcp_syncookies")), undefined);
  const shared = pod({
    hostNetwork: true,
    securityContext: { sysctls: [{ name: "net.ipv4.tcp_syncookies", value: "1" }] },
  });
  assert.match(judge(shared)?.message ?? "", /not allowed with host net enabled/);
});
