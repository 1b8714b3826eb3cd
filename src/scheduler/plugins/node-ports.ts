import type { Plugin } from "../framework.ts";
import type { HostPort } from "../node-info.ts";

const clashes = (one: HostPort, other: HostPort) =>
  one.port === other.port &&
  one.protocol === other.protocol &&
  (one.ip === other.ip || one.ip === "0.0.0.0" || other.ip === "0.0.0.0");

/** Host ports can be had once per node, protocol and address. */
export const nodePorts: Plugin = {
  name: "NodePorts",
  filter({ ports }, node) {
    if (ports.length === 0) return undefined;
    for (const other of node.pods.values()) {
      if (other.ports.some((taken) => ports.some((wanted) => clashes(wanted, taken)))) {
        return { plugin: "NodePorts", reasons: ["node(s) didn't have free ports for the requested pod ports"] };
      }
    }
    return undefined;
  },
  wakes: (_, event) => event.kind === "node-added" || event.kind === "pod-removed",
};
