import { semanticEqual } from "../../api/json-equal.ts";
import { podRequests } from "../../api/pod-requests.ts";
import { quantityMilliValue, quantityValue } from "../../api/quantity.ts";
import { nodes, pods } from "../../api/resource-types.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, stored, written } from "./refusal.ts";

/** PodResizeValidator: a pod on a node is not resized to more than the node has (KEP-1287). */
export function podResizeValidator({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "PodResizeValidator",
    handles: (attributes) => attributes.operation === "UPDATE" && concerns(attributes, pods, "resize"),
    async validate(attributes) {
      const pod = written<Pod>(attributes);
      const nodeName = pod.spec?.nodeName;
      if (!nodeName || semanticEqual(pod.spec, stored<Pod>(attributes).spec)) return;
      const node = await lookup.get(nodes, nodeName);
      if (!node) throw refusal(attributes, `node ${JSON.stringify(nodeName)} not found`);
      const system = node.metadata?.labels?.["kubernetes.io/os"];
      if (system !== undefined && system !== "linux") {
        throw refusal(
          attributes,
          `pod resize is only supported on linux nodes, node ${JSON.stringify(nodeName)} is ${JSON.stringify(system)}`,
          { reason: "UnsupportedPlatform" },
        );
      }
      const { cpu = 0, memory = 0 } = podRequests(pod);
      const allocatable = {
        cpu: quantityMilliValue(node.status?.allocatable?.cpu),
        memory: quantityValue(node.status?.allocatable?.memory),
      };
      const problems: string[] = [];
      const check = (name: "cpu" | "memory", requested: number) => {
        if (requested <= allocatable[name]) return;
        problems.push(`${name}, requested: ${requested}, allocatable: ${allocatable[name]}`);
      };
      check("cpu", cpu);
      check("memory", memory);
      if (problems.length === 0) return;
      const message = `node didn't have enough allocatable resources: ${problems.join("; ")}`;
      throw refusal(attributes, message, { reason: "NodeCapacity" });
    },
  };
}
