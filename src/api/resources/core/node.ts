import { nodes } from "../../resource-types.ts";
import type { Node } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn, wideColumn } from "../columns.ts";
import { define } from "../define.ts";
import { canonicalizeMilliList } from "../quantities.ts";

/** What a node that has not reported yet says of itself. */
const UNKNOWN_SYSTEM = {
  machineID: "",
  systemUUID: "",
  bootID: "",
  kernelVersion: "",
  osImage: "",
  containerRuntimeVersion: "",
  kubeletVersion: "",
  kubeProxyVersion: "",
  operatingSystem: "",
  architecture: "",
};

export const node = define<Node>({
  type: nodes,
  singular: "node",
  shortNames: ["no"],
  hasStatus: true,
  generation: false,
  defaults(node) {
    node.spec ??= {};
    const { spec } = node;
    // The first range is shown under both names; the plural rules.
    if (spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    else if (spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
    node.status ??= {};
    const { status } = node;
    canonicalizeMilliList(status.capacity);
    canonicalizeMilliList(status.allocatable);
    if (status.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
    status.daemonEndpoints ??= {};
    status.daemonEndpoints.kubeletEndpoint ??= { Port: 0 };
    status.nodeInfo ??= { ...UNKNOWN_SYSTEM };
  },
  columns: [
    nameColumn,
    column("Status", "The status of the node.", (node) => {
      const ready = node.status?.conditions?.findLast(({ type }) => type === "Ready");
      const status = ready ? (ready.status === "True" ? "Ready" : "NotReady") : "Unknown";
      return node.spec?.unschedulable ? `${status},SchedulingDisabled` : status;
    }),
    column("Roles", "The roles of the node.", roles),
    ageColumn,
    column("Version", "Version of the kubelet.", (node) => node.status?.nodeInfo?.kubeletVersion ?? ""),
    wideColumn("Internal-IP", "Address within the cluster.", (node) => address(node, "InternalIP")),
    wideColumn("External-IP", "Address outside the cluster.", (node) => address(node, "ExternalIP")),
    wideColumn("OS-Image", "Operating system.", (node) => node.status?.nodeInfo?.osImage || "<unknown>"),
    wideColumn(
      "Kernel-Version",
      "Version of the kernel.",
      (node) => node.status?.nodeInfo?.kernelVersion || "<unknown>",
    ),
    wideColumn(
      "Container-Runtime",
      "Container runtime and its version.",
      (node) => node.status?.nodeInfo?.containerRuntimeVersion || "<unknown>",
    ),
  ],
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable === true) },
});

const ROLE_PREFIX = "node-role.kubernetes.io/";
const ROLE_LABEL = "kubernetes.io/role";

function roles(node: Node): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata?.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) found.add(key.slice(ROLE_PREFIX.length));
    else if (key === ROLE_LABEL && value !== "") found.add(value);
  }
  return [...found].sort().join(",") || "<none>";
}

function address(node: Node, wanted: string): string {
  return node.status?.addresses?.find(({ type }) => type === wanted)?.address ?? "<none>";
}
