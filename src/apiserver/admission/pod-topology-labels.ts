import { nodes, pods } from "../../api/resource-types.ts";
import type { Binding, Pod } from "../../api/types/core.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, written, writtenMetadata } from "./refusal.ts";

const LABELS = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/**
 * PodTopologyLabels: a pod that gets a node takes over its zone and region as labels (KEP-4742). On a Binding they are
 * labels of the Binding, which the binding endpoint copies to the pod.
 */
export function podTopologyLabels({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "PodTopologyLabels",
    handles: (attributes) =>
      attributes.operation === "CREATE" && (concerns(attributes, pods) || concerns(attributes, pods, "binding")),
    async admit(attributes) {
      let nodeName: string | undefined;
      if (attributes.subresource === "binding") {
        const { target } = written<Binding>(attributes);
        nodeName = target?.kind === "Node" ? target.name : undefined;
      } else nodeName = written<Pod>(attributes).spec?.nodeName;
      if (!nodeName) return;
      const node = await lookup.get(nodes, nodeName);
      const found = Object.entries(node?.metadata?.labels ?? {}).filter(([key]) => LABELS.includes(key));
      if (found.length === 0) return;
      const metadata = writtenMetadata(attributes);
      metadata.labels = { ...metadata.labels, ...Object.fromEntries(found) };
    },
  };
}
