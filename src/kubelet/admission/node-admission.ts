import { matchesRequiredNodeAffinity } from "../../api/node-affinity.ts";
import { podRequests, type ResourceAmounts, resourceAmounts } from "../../api/pod-requests.ts";
import { findUntolerated } from "../../api/taints.ts";
import type { Node, Pod } from "../../api/types/core.v1.ts";
import { allContainers, initContainers, isSidecar, isStaticPod, regularContainers } from "../pod/pod.ts";

export interface AdmissionInputs {
  pod: Pod;
  /** The pods that the node has accepted and that have not ended. */
  others: readonly Pod[];
  node: Node;
  allowedUnsafeSysctls: readonly string[];
}
export interface Rejection {
  reason: string;
  message: string;
}

/**
 * Whether the node takes a pod that was bound to it: the last word after the scheduler's, which may have been spoken on
 * older news or not at all. Undefined where it does; otherwise why not, in upstream's words. Pure.
 */
export function admit(inputs: AdmissionInputs): Rejection | undefined {
  return unsupported(inputs.pod) ?? forbiddenSysctl(inputs) ?? wrongSystem(inputs) ?? placement(inputs) ?? fit(inputs);
}

/** What this kubelet can't do: better told at once than done half. */
function unsupported(pod: Pod): Rejection | undefined {
  const reject = (what: string) => ({
    reason: "UnexpectedAdmissionError",
    message: `${what} is not supported by this kubelet`,
  });
  if (pod.spec?.hostUsers === false) return reject("hostUsers: false (user namespaces)");
  if (pod.spec?.resourceClaims?.length) return reject("dynamic resource allocation (resourceClaims)");
  for (const { container } of allContainers(pod)) {
    if (container.volumeDevices?.length) return reject("a raw block device (volumeDevices)");
    if (container.restartPolicyRules?.some(({ action }) => action !== "Restart")) {
      return reject(
        `restart rule action ${container.restartPolicyRules.find(({ action }) => action !== "Restart")?.action}`,
      );
    }
  }
  return undefined;
}

/** Sysctls that touch nothing beyond the pod: https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/. */
const SAFE_SYSCTLS: readonly string[] = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
];

function forbiddenSysctl({ pod, allowedUnsafeSysctls }: AdmissionInputs): Rejection | undefined {
  const allowed = (name: string) =>
    SAFE_SYSCTLS.includes(name) ||
    allowedUnsafeSysctls.some((pattern) =>
      pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
  for (const { name } of pod.spec?.securityContext?.sysctls ?? []) {
    const plain = name.replaceAll("/", ".");
    const shared =
      (pod.spec?.hostNetwork && plain.startsWith("net.")) ||
      (pod.spec?.hostIPC &&
        (plain.startsWith("kernel.shm") || plain.startsWith("kernel.msg") || plain.startsWith("fs.mqueue.")));
    if (shared) {
      const what = plain.startsWith("net.") ? "host net" : "host ipc";
      return { reason: "SysctlForbidden", message: `forbidden sysctl: "${plain}" not allowed with ${what} enabled` };
    }
    if (!allowed(plain)) return { reason: "SysctlForbidden", message: `forbidden sysctl: "${plain}" not allowlisted` };
  }
  return undefined;
}

function wrongSystem({ pod, node }: AdmissionInputs): Rejection | undefined {
  const os = pod.spec?.os?.name;
  if (os && os !== "linux") {
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const label = pod.spec?.nodeSelector?.["kubernetes.io/os"];
  if (label && label !== (node.metadata?.labels?.["kubernetes.io/os"] ?? "linux")) {
    return {
      reason: "PodOSSelectorNodeLabelDoesNotMatch",
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  }
  return undefined;
}

function placement({ pod, others, node }: AdmissionInputs): Rejection | undefined {
  const failed = (reason: string, why: string) => ({ reason, message: `Predicate ${reason} failed: ${why}` });
  const name = pod.spec?.nodeName;
  if (name && name !== node.metadata?.name) {
    return failed("NodeName", "node(s) didn't match the requested node name");
  }
  if (pod.spec && !matchesRequiredNodeAffinity(pod.spec, node)) {
    return failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  }
  const taints = node.spec?.taints ?? [];
  // Static pods were put here on purpose.
  if (!isStaticPod(pod) && findUntolerated(taints, pod.spec?.tolerations, ({ effect }) => effect === "NoExecute")) {
    return failed("TaintToleration", "node(s) had taints that the pod didn't tolerate");
  }
  if (portsClash(pod, others)) return failed("NodePorts", "node(s) didn't have free ports for the requested pod ports");
  return undefined;
}

interface HostPort {
  protocol: string;
  ip: string;
  port: number;
}
function hostPorts(pod: Pod): HostPort[] {
  const serving = [...regularContainers(pod), ...initContainers(pod).filter(isSidecar)];
  return serving.flatMap((container) =>
    (container.ports ?? [])
      .filter(({ hostPort }) => hostPort)
      .map(({ protocol = "TCP", hostIP, hostPort }) => ({ protocol, ip: hostIP || "0.0.0.0", port: hostPort! })),
  );
}
function portsClash(pod: Pod, others: readonly Pod[]): boolean {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return false;
  const taken = others.flatMap(hostPorts);
  const any = (ip: string) => ip === "0.0.0.0" || ip === "::";
  return wanted.some((one) =>
    taken.some(
      (other) =>
        one.port === other.port &&
        one.protocol === other.protocol &&
        (one.ip === other.ip || any(one.ip) || any(other.ip)),
    ),
  );
}

function fit({ pod, others, node }: AdmissionInputs): Rejection | undefined {
  const allocatable = resourceAmounts(node.status?.allocatable);
  const lacks = (name: string, requested: number, used: number, capacity: number): Rejection => ({
    reason: `OutOf${name}`,
    message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  });
  if (others.length + 1 > (allocatable["pods"] ?? 0)) return lacks("pods", 1, others.length, allocatable["pods"] ?? 0);
  const used: ResourceAmounts = {};
  for (const other of others) {
    for (const [name, amount] of Object.entries(podRequests(other))) used[name] = (used[name] ?? 0) + amount;
  }
  for (const [name, amount] of Object.entries(podRequests(pod))) {
    // Extended resources that the node does not know are the business of whoever asked for them.
    if (amount === 0 || (name.includes("/") && allocatable[name] === undefined)) continue;
    const taken = used[name] ?? 0;
    const capacity = allocatable[name] ?? 0;
    if (amount + taken > capacity) return lacks(name, amount, taken, capacity);
  }
  return undefined;
}
