import type { ContainerRestartRule, Pod } from "../../api/types/core.v1.ts";
import { type AnyContainer, isRunToEndInit, isSidecar } from "../pod/pod.ts";

export type RestartPolicy = "Always" | "OnFailure" | "Never";

/** The policy in force for a container: its own where it has one, else the pod's. An init container never restarts after success. */
export function restartPolicyOf(pod: Pod, container: AnyContainer): RestartPolicy {
  if (container.restartPolicy) return container.restartPolicy as RestartPolicy;
  const policy = (pod.spec?.restartPolicy ?? "Always") as RestartPolicy;
  return policy === "Always" && isRunToEndInit(pod, container.name) ? "OnFailure" : policy;
}

/** Whether a container that ended with `exitCode` is to run again. Its own rules come before the policy (KEP-5307). */
export function restartsAfter(pod: Pod, container: AnyContainer, exitCode: number): boolean {
  if (container.restartPolicyRules?.some((rule) => rule.action === "Restart" && matches(rule, exitCode))) return true;
  const policy = restartPolicyOf(pod, container);
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** Whether a container that the kubelet kills (for a failed probe) is to run again. */
export function restartsAfterKill(pod: Pod, container: AnyContainer): boolean {
  return isSidecar(container) || restartPolicyOf(pod, container) !== "Never";
}

function matches(rule: ContainerRestartRule, exitCode: number): boolean {
  const { operator, values = [] } = rule.exitCodes ?? { operator: "" };
  if (operator === "In") return values.includes(exitCode);
  return operator === "NotIn" && !values.includes(exitCode);
}
