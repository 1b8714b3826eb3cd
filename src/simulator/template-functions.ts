import { stringify } from "../base/yaml.ts";
import type { TemplateFunctions } from "./expressions/template-values.ts";

/** What is known of the object that a template is rendered for, and of the cluster around it. */
export interface StageFunctionsContext {
  /** RFC 3339. */
  now(): string;
  startTime: string;
  version: string;
  /** The node that the object is, or undefined. */
  nodeName?: string;
  nodePort?: number;
  nodeIp(node: string): string | undefined;
  podIp(node: string, uid: string): string | undefined;
}

const HEALTHY: readonly { type: string; status: string; reason: string; message: string }[] = [
  { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" },
  {
    type: "MemoryPressure",
    status: "False",
    reason: "KubeletHasSufficientMemory",
    message: "kubelet has sufficient memory available",
  },
  {
    type: "DiskPressure",
    status: "False",
    reason: "KubeletHasNoDiskPressure",
    message: "kubelet has no disk pressure",
  },
  {
    type: "PIDPressure",
    status: "False",
    reason: "KubeletHasSufficientPID",
    message: "kubelet has sufficient PID available",
  },
  {
    type: "NetworkUnavailable",
    status: "False",
    reason: "RouteCreated",
    message: "RouteController created a route",
  },
];

/** The functions of kwok's stage templates (https://kwok.sigs.k8s.io/docs/user/go-template/), by their names there. */
export function stageFunctions(context: StageFunctionsContext): TemplateFunctions {
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const podIp = (node: unknown, hostNetwork: unknown, uid: unknown): string =>
    (hostNetwork === true ? context.nodeIp(text(node)) : context.podIp(text(node), text(uid))) ?? "";
  const listOf = (address: string) => (address === "" ? [] : [address]);
  return {
    Quote: (value) => {
      const json = JSON.stringify(value ?? null);
      return json.startsWith('"') ? json : JSON.stringify(json);
    },
    Now: () => context.now(),
    StartTime: () => context.startTime,
    Version: () => context.version,
    YAML: (value, indent) => {
      const yaml = stringify(value);
      if (typeof indent !== "number" || indent < 1) return yaml;
      return `\n${yaml}`.replaceAll("\n", `\n${" ".repeat(indent * 2)}`);
    },
    NodeConditions: () => HEALTHY,
    NodeName: () => context.nodeName ?? "",
    NodeIP: () => context.nodeIp(context.nodeName ?? "") ?? "",
    NodeIPs: () => listOf(context.nodeIp(context.nodeName ?? "") ?? ""),
    NodePort: () => context.nodePort ?? 0,
    NodeIPWith: (node) => context.nodeIp(text(node)) ?? "",
    NodeIPsWith: (node) => listOf(context.nodeIp(text(node)) ?? ""),
    PodIPWith: podIp,
    PodIPsWith: (node, hostNetwork, uid) => listOf(podIp(node, hostNetwork, uid)),
  };
}
