import type { KubeObject } from "../../api/object.ts";
import { podGroups, workloads } from "../../api/resource-types.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, written } from "./refusal.ts";

/** PodGroupWorkloadExists: a PodGroup made from a template of a Workload needs both to be there (KEP-4671, alpha). */
export function podGroupWorkloadExists({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "PodGroupWorkloadExists",
    handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, podGroups),
    async validate(attributes) {
      const { spec } = written<KubeObject & { spec?: { podGroupTemplateRef?: { workload?: Reference } } }>(attributes);
      const reference = spec?.podGroupTemplateRef?.workload;
      if (!reference) return;
      const { workloadName = "", podGroupTemplateName = "" } = reference;
      const refuse = (reason: string) => refusal(attributes, `PodGroup rejected: ${reason}`);
      const quoted = JSON.stringify(workloadName);
      const find = (fresh: boolean) => lookup.get(workloads, workloadName, attributes.namespace, { fresh });
      const workload = (await find(false)) ?? (await find(true));
      if (!workload) throw refuse(`Workload ${quoted} not found`);
      if (workload.metadata?.deletionTimestamp) throw refuse(`Workload ${quoted} is being deleted`);
      const { podGroupTemplates = [] } =
        (workload as { spec?: { podGroupTemplates?: { name?: string }[] } }).spec ?? {};
      if (podGroupTemplates.some(({ name }) => name === podGroupTemplateName)) return;
      throw refuse(`PodGroupTemplate ${JSON.stringify(podGroupTemplateName)} not found in Workload ${quoted}`);
    },
  };
}

interface Reference {
  workloadName?: string;
  podGroupTemplateName?: string;
}
