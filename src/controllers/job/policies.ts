import type { Job, PodFailurePolicyRule } from "../../api/types/batch.v1.ts";
import type { ContainerStatus, Pod } from "../../api/types/core.v1.ts";
import { parseIndexes } from "./index-set.ts";

/** What a Job's pod failure policy says to a failed pod (KEP-3329). */
export interface FailureVerdict {
  readonly action: "FailJob" | "FailIndex" | "Ignore" | "Count";
  /** For FailJob: why. */
  readonly message?: string;
}

/** The first rule that fits decides; without any the failure counts. */
export function judgeFailure(job: Job, pod: Pod): FailureVerdict {
  const { namespace, name } = pod.metadata ?? {};
  for (const [index, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    if (rule.action === "FailIndex" && job.spec?.backoffLimitPerIndex === undefined) continue;
    const container = rule.onExitCodes && matchingContainer(rule.onExitCodes, pod);
    const condition = matchingCondition(rule, pod);
    if (!container && condition === undefined) continue;
    const action = rule.action as FailureVerdict["action"];
    if (action !== "FailJob") return { action };
    const why = container
      ? `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${container.state?.terminated?.exitCode}`
      : `Pod ${namespace}/${name} has condition ${condition}`;
    return { action, message: `${why} matching FailJob rule at index ${index}` };
  }
  return { action: "Count" };
}

function matchingContainer(
  requirement: NonNullable<PodFailurePolicyRule["onExitCodes"]>,
  pod: Pod,
): ContainerStatus | undefined {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return statuses.find(({ name, state }) => {
    const code = state?.terminated?.exitCode;
    if (code === undefined || code === 0) return false;
    if (requirement.containerName !== undefined && requirement.containerName !== name) return false;
    return requirement.values.includes(code) === (requirement.operator === "In");
  });
}

function matchingCondition(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  for (const pattern of rule.onPodConditions ?? []) {
    const fits = pod.status?.conditions?.some(
      ({ type, status }) => type === pattern.type && status === (pattern.status ?? "True"),
    );
    if (fits) return pattern.type;
  }
  return undefined;
}

/** The message of the first rule of the success policy that the succeeded indexes fulfil (KEP-3998). */
export function judgeSuccess(job: Job, succeeded: ReadonlySet<number>): string | undefined {
  for (const [index, rule] of (job.spec?.successPolicy?.rules ?? []).entries()) {
    const wanted =
      rule.succeededIndexes === undefined ? undefined : parseIndexes(rule.succeededIndexes, job.spec?.completions ?? 0);
    const count = wanted ? [...wanted].filter((one) => succeeded.has(one)).length : succeeded.size;
    const needed = rule.succeededCount ?? wanted?.size;
    if (needed !== undefined && count >= needed) return `Matched rules at index ${index}`;
  }
  return undefined;
}
