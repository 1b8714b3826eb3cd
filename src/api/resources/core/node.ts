import { nodes } from "../../resource-types.ts";
import type { Node } from "../../types/core.v1.ts";
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
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable === true) },
});
