import {
  type ConfigurationKind,
  flag,
  listOf,
  problemsError,
  readConfiguration,
  record,
  text,
} from "../configuration/shape.ts";
import { type AuditPolicy, policyProblems } from "./policy.ts";

const texts = listOf(text);

const POLICY: ConfigurationKind = {
  group: "audit.k8s.io",
  versions: ["v1"],
  kind: "Policy",
  fields: {
    metadata: record("ObjectMeta", { name: text, creationTimestamp: text }),
    omitStages: texts,
    omitManagedFields: flag,
    rules: listOf(
      record("PolicyRule", {
        level: text,
        users: texts,
        userGroups: texts,
        verbs: texts,
        resources: listOf(record("GroupResources", { group: text, resources: texts, resourceNames: texts })),
        namespaces: texts,
        nonResourceURLs: texts,
        omitStages: texts,
        omitManagedFields: flag,
      }),
    ),
  },
};

/** The policy in `content`; throws where it is none, or makes no sense. Unlike upstream's, unknown fields are refused. */
export async function parsePolicy(content: string): Promise<AuditPolicy> {
  const { configuration } = await readConfiguration<AuditPolicy>(content, POLICY);
  const problem = problemsError(policyProblems(configuration));
  if (problem) throw problem;
  if (!configuration.rules?.length) throw new Error("loaded illegal policy with 0 rules");
  return configuration;
}
