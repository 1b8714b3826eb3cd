import { semanticEqual } from "../../json-equal.ts";
import { checkDnsLabel, checkQualifiedName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { Job, JobSpec, PodFailurePolicy, PodFailurePolicyRule, SuccessPolicy } from "../../types/batch.v1.ts";
import type { PodSpec, PodTemplateSpec } from "../../types/core.v1.ts";
import { validateTemplateLabels } from "../apps/selector-checks.ts";
import { validatePodTemplate } from "../core/pod-template-validation.ts";
import { at, child, duplicate, goQuote, invalid, notSupported, required, tooLong, tooMany } from "../field-errors.ts";
import { validateLabelSelector } from "../label-checks.ts";
import { addProblems, IMMUTABLE, validateEnum, validateNonNegative, validateOptionalEnum } from "../value-checks.ts";

/** Limits that keep a job's status within what an object may weigh. */
const INDEXED_PARALLELISM = 100_000;
const INDEXED_COMPLETIONS = 100_000;
const FAILED_INDEXES = 100_000;
const MANY_COMPLETIONS_PARALLELISM = 10_000;

export function validateJob(job: Job): FieldError[] {
  const errors: FieldError[] = [];
  const spec = job.spec!;
  validateJobSpec(spec, "spec", errors);
  if (!spec.selector) errors.push(required("spec.selector"));
  validateLabelSelector(spec.selector, "spec.selector", errors);
  validateTemplateLabels(spec.selector, spec.template, "spec.template", errors);
  validateGeneratedSelector(job, errors);
  const { completions } = spec;
  if (spec.completionMode === "Indexed" && completions != null && completions > 0) {
    const podName = `${job.metadata?.name}-${completions - 1}`;
    if (checkDnsLabel(podName).length > 0) {
      const detail = `will not able to create pod with invalid DNS label: ${podName}`;
      errors.push(invalid("metadata.name", job.metadata?.name ?? "", detail));
    }
  }
  return errors;
}

/** Unless the user made the selector, it names the job's uid, and so do the labels of its pods. */
function validateGeneratedSelector({ metadata, spec }: Job, errors: FieldError[]): void {
  if (spec!.manualSelector || !spec!.selector) return;
  const { uid = "", name = "" } = metadata ?? {};
  if (uid === "") {
    errors.push(required("metadata.uid"));
    return;
  }
  const expected: Record<string, string> = {
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
    "controller-uid": uid,
    "job-name": name,
  };
  const labels = spec!.template.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(expected)) {
    if (labels[key] === value) continue;
    const field = at("spec.template.metadata.labels", key);
    if (labels[key] === undefined) errors.push(required(field, `must be '${value}'`));
    else errors.push(invalid(field, labels[key], `must be '${value}'`));
  }
  const selected =
    spec!.selector.matchLabels?.["batch.kubernetes.io/controller-uid"] ??
    spec!.selector.matchLabels?.["controller-uid"];
  if (selected !== uid) errors.push(invalid("spec.selector", spec!.selector, "`selector` not auto-generated"));
}

/** The spec of a job, also of the jobs that a CronJob makes. */
export function validateJobSpec(spec: JobSpec, path: string, errors: FieldError[]): void {
  for (const name of [
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
  ] as const) {
    validateNonNegative(spec[name], child(path, name), errors);
  }
  if (spec.maxFailedIndexes != null && spec.backoffLimitPerIndex == null) {
    errors.push(required(child(path, "backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
  }
  if (spec.managedBy != null) validateManagedBy(spec.managedBy, child(path, "managedBy"), errors);
  validateCompletionMode(spec, path, errors);
  if (spec.podFailurePolicy)
    validateFailurePolicy(spec, spec.podFailurePolicy, child(path, "podFailurePolicy"), errors);
  if (spec.successPolicy) validateSuccessPolicy(spec, spec.successPolicy, child(path, "successPolicy"), errors);
  validateReplacementPolicy(spec, child(path, "podReplacementPolicy"), errors);
  validatePodTemplate(spec.template, child(path, "template"), errors);
  const policy = spec.template?.spec?.restartPolicy;
  const policyPath = child(path, "template", "spec", "restartPolicy");
  // Always is what the pod's defaults make of nothing.
  if (!policy || policy === "Always") errors.push(required(policyPath, 'valid values: "OnFailure", "Never"'));
  else if (policy !== "OnFailure" && policy !== "Never") {
    errors.push(notSupported(policyPath, policy, ["OnFailure", "Never"]));
  } else if (spec.podFailurePolicy && policy !== "Never") {
    errors.push(invalid(policyPath, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
}

function validateManagedBy(name: string, path: string, errors: FieldError[]): void {
  const problems = name.split("/").length === 2 ? checkQualifiedName(name) : undefined;
  if (!problems) errors.push(invalid(path, name, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  else addProblems(problems, path, name, errors);
  if (Buffer.byteLength(name) > 63) errors.push(tooLong(path, 63));
}

function validateCompletionMode(spec: JobSpec, path: string, errors: FieldError[]): void {
  const { completionMode, completions, parallelism, backoffLimitPerIndex, maxFailedIndexes } = spec;
  if (completionMode == null) return;
  if (completionMode !== "Indexed" && completionMode !== "NonIndexed") {
    errors.push(notSupported(child(path, "completionMode"), completionMode, ["Indexed", "NonIndexed"]));
    return;
  }
  if (completionMode === "NonIndexed") {
    for (const [name, value] of Object.entries({ backoffLimitPerIndex, maxFailedIndexes })) {
      if (value != null) errors.push(invalid(child(path, name), value, "requires indexed completion mode"));
    }
    return;
  }
  const atMost = (name: string, value: number | undefined | null, limit: number, when: string) => {
    if (value == null || value <= limit) return;
    errors.push(invalid(child(path, name), value, `must be less than or equal to ${limit} when ${when}`));
  };
  const indexed = "completion mode is Indexed";
  if (completions == null) errors.push(required(child(path, "completions"), `when ${indexed}`));
  atMost("parallelism", parallelism, INDEXED_PARALLELISM, indexed);
  if (backoffLimitPerIndex == null || completions == null) return;
  if (maxFailedIndexes != null && maxFailedIndexes > completions) {
    const detail = "must be less than or equal to completions";
    errors.push(invalid(child(path, "maxFailedIndexes"), maxFailedIndexes, detail));
  }
  atMost("maxFailedIndexes", maxFailedIndexes, FAILED_INDEXES, "backoffLimitPerIndex is specified");
  if (completions <= INDEXED_COMPLETIONS) return;
  const many = `completions exceeds ${INDEXED_COMPLETIONS}`;
  if (maxFailedIndexes == null)
    errors.push(required(child(path, "maxFailedIndexes"), `must be specified when ${many}`));
  atMost("parallelism", parallelism, MANY_COMPLETIONS_PARALLELISM, `${many} when used with backoffLimitPerIndex`);
}

function validateReplacementPolicy(spec: JobSpec, path: string, errors: FieldError[]): void {
  const policy = spec.podReplacementPolicy;
  if (policy == null) return;
  const supported = spec.podFailurePolicy ? ["Failed"] : ["Failed", "TerminatingOrFailed"];
  validateOptionalEnum(policy, supported, path, errors);
}

const MOST_RULES = 20;
const MOST_EXIT_CODES = 255;
const MOST_PATTERNS = 20;
const ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"];

function validateFailurePolicy(spec: JobSpec, policy: PodFailurePolicy, path: string, errors: FieldError[]): void {
  const rules = policy.rules ?? [];
  if (rules.length > MOST_RULES) errors.push(tooMany(child(path, "rules"), rules.length, MOST_RULES));
  const names = new Set(
    [...(spec.template?.spec?.containers ?? []), ...(spec.template?.spec?.initContainers ?? [])].map(
      ({ name }) => name,
    ),
  );
  for (const [index, rule] of rules.entries()) validateRule(spec, rule, names, at(child(path, "rules"), index), errors);
}

function validateRule(
  spec: JobSpec,
  rule: PodFailurePolicyRule,
  containers: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  const { action, onExitCodes, onPodConditions } = rule;
  validateEnum(action, ACTIONS, child(path, "action"), errors);
  if (action === "FailIndex" && spec.backoffLimitPerIndex == null) {
    errors.push(invalid(child(path, "action"), action, "requires the backoffLimitPerIndex to be set"));
  }
  if (onExitCodes) {
    const field = child(path, "onExitCodes");
    validateEnum(onExitCodes.operator, ["In", "NotIn"], child(field, "operator"), errors);
    if (onExitCodes.containerName != null && !containers.has(onExitCodes.containerName)) {
      const detail = "must be one of the container or initContainer names in the pod template";
      errors.push(invalid(child(field, "containerName"), onExitCodes.containerName, detail));
    }
    const values = onExitCodes.values ?? [];
    const valuesField = child(field, "values");
    if (values.length === 0) errors.push(invalid(valuesField, values, "at least one value is required"));
    else if (values.length > MOST_EXIT_CODES) errors.push(tooMany(valuesField, values.length, MOST_EXIT_CODES));
    for (const [index, value] of values.entries()) {
      if (onExitCodes.operator === "In" && value === 0) {
        errors.push(invalid(at(valuesField, index), value, "must not be 0 for the In operator"));
      }
      if (values.indexOf(value) < index) errors.push(duplicate(at(valuesField, index), value));
      else if (index > 0 && values[index - 1]! > value) {
        errors.push(invalid(valuesField, values, "must be ordered"));
        break;
      }
    }
  }
  if ((onPodConditions?.length ?? 0) > MOST_PATTERNS) {
    errors.push(tooMany(child(path, "onPodConditions"), onPodConditions!.length, MOST_PATTERNS));
  }
  for (const [index, { type, status }] of (onPodConditions ?? []).entries()) {
    const field = at(child(path, "onPodConditions"), index);
    addProblems(checkQualifiedName(type ?? ""), child(field, "type"), type ?? "", errors);
    validateEnum(status, ["False", "True", "Unknown"], child(field, "status"), errors);
  }
  if (onExitCodes && onPodConditions?.length) {
    errors.push(invalid(path, "", "specifying both OnExitCodes and OnPodConditions is not supported"));
  } else if (!onExitCodes && !onPodConditions?.length) {
    errors.push(invalid(path, "", "specifying one of OnExitCodes and OnPodConditions is required"));
  }
}

const MOST_SUCCESS_RULES = 20;
const SUCCEEDED_INDEXES_BYTES = 64 * 1024;

function validateSuccessPolicy(spec: JobSpec, policy: SuccessPolicy, path: string, errors: FieldError[]): void {
  if (spec.completionMode !== "Indexed") {
    errors.push(invalid(path, policy, "requires indexed completion mode"));
    return;
  }
  const rules = policy.rules ?? [];
  const rulesPath = child(path, "rules");
  if (rules.length === 0)
    errors.push(required(rulesPath, "at least one rules must be specified when the successPolicy is specified"));
  if (rules.length > MOST_SUCCESS_RULES) errors.push(tooMany(rulesPath, rules.length, MOST_SUCCESS_RULES));
  for (const [index, { succeededCount, succeededIndexes }] of rules.entries()) {
    const field = at(rulesPath, index);
    if (succeededCount == null && succeededIndexes == null) {
      errors.push(required(field, "at least one of succeededCount or succeededIndexes must be specified"));
    }
    let total: number | undefined;
    if (succeededIndexes != null) {
      if (Buffer.byteLength(succeededIndexes) > SUCCEEDED_INDEXES_BYTES) {
        errors.push(tooLong(child(field, "succeededIndexes"), SUCCEEDED_INDEXES_BYTES));
      }
      const parsed = countIndexes(succeededIndexes, spec.completions ?? 0);
      if (typeof parsed === "number") total = parsed;
      else
        errors.push(
          invalid(child(field, "succeededIndexes"), succeededIndexes, `error parsing succeededIndexes: ${parsed}`),
        );
    }
    if (succeededCount == null) continue;
    const countPath = child(field, "succeededCount");
    validateNonNegative(succeededCount, countPath, errors);
    if (spec.completions != null && succeededCount > spec.completions) {
      errors.push(
        invalid(
          countPath,
          succeededCount,
          `must be less than or equal to ${spec.completions} (the number of specified completions)`,
        ),
      );
    }
    if (total !== undefined && succeededCount > total) {
      errors.push(
        invalid(
          countPath,
          succeededCount,
          `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
        ),
      );
    }
  }
}

/** How many indexes `1,3-5,7` names; or what is wrong with it. */
function countIndexes(text: string, completions: number): number | string {
  if (text === "") return 0;
  let total = 0;
  let last = -1;
  for (const interval of text.split(",")) {
    const limits = interval.split("-");
    if (limits.length > 2)
      return `the fragment ${goQuote(interval)} violates the requirement that an index interval can have at most two parts separated by '-'`;
    const [first, end = first] = limits.map((limit) => (/^[0-9]+$/.test(limit) ? Number(limit) : Number.NaN));
    const bad = limits.findIndex((limit) => !/^[0-9]+$/.test(limit));
    if (bad >= 0) return `cannot convert string to integer for index: ${goQuote(limits[bad]!)}`;
    if (first! >= completions) return `too large index: ${goQuote(limits[0]!)}`;
    if (last >= first!) return `non-increasing order, previous: ${last}, current: ${first}`;
    if (limits.length === 2) {
      if (end! >= completions) return `too large index: ${goQuote(limits[1]!)}`;
      if (first! >= end!) return `non-increasing order, previous: ${first}, current: ${end}`;
    }
    last = end!;
    total += end! - first! + 1;
  }
  return total;
}

/** A job that runs is fixed in what it runs; how many at once, and whether at all, may change. */
export function validateJobUpdate(job: Job, old: Job): FieldError[] {
  const errors: FieldError[] = [];
  const spec = job.spec!;
  const before = old.spec!;
  const unchanged = (name: keyof JobSpec) => {
    if (semanticEqual(spec[name], before[name])) return;
    errors.push(invalid(child("spec", name), spec[name] ?? null, IMMUTABLE));
  };
  if (!isElastic(spec, before)) unchanged("completions");
  unchanged("selector");
  validateTemplateUpdate(job, old, errors);
  unchanged("completionMode");
  unchanged("podFailurePolicy");
  unchanged("backoffLimitPerIndex");
  unchanged("managedBy");
  unchanged("successPolicy");
  return errors;
}

/** An indexed job that runs all its pods at once can be made larger or smaller (KEP-3715). */
function isElastic(spec: JobSpec, old: JobSpec): boolean {
  if (old.completionMode !== "Indexed" || spec.completions === old.completions) return false;
  return spec.completions != null && spec.completions === spec.parallelism;
}

function validateTemplateUpdate({ spec }: Job, old: Job, errors: FieldError[]): void {
  const before = old.spec!.template;
  let { template } = spec!;
  const stopped = old.spec!.suspend === true && !old.status?.startTime;
  if (stopped) template = withSchedulingOf(template, before);
  if (semanticEqual(template, before)) return;
  errors.push(invalid("spec.template", spec!.template, IMMUTABLE));
}

/** Before a suspended job starts, where (and with which resources) its pods will run may change (KEP-2926, KEP-5440). */
function withSchedulingOf(template: PodTemplateSpec, before: PodTemplateSpec): PodTemplateSpec {
  const spec: PodSpec = { ...template.spec!, ...pick(before.spec!) };
  spec.affinity = template.spec?.affinity && { ...template.spec.affinity };
  if (spec.affinity || before.spec?.affinity) {
    spec.affinity = { ...spec.affinity, nodeAffinity: before.spec?.affinity?.nodeAffinity };
  }
  for (const name of ["containers", "initContainers"] as const) {
    const old = before.spec?.[name];
    if (spec[name]?.length !== old?.length) continue;
    if (spec[name]) spec[name] = spec[name].map((one, index) => ({ ...one, resources: old![index]!.resources }));
  }
  const { labels, annotations } = before.metadata ?? {};
  return { ...template, metadata: { ...template.metadata, labels, annotations }, spec };
}

function pick({ nodeSelector, tolerations, schedulingGates }: PodSpec): Partial<PodSpec> {
  return { nodeSelector, tolerations, schedulingGates };
}

/** Counts are counts, and what has finished stays finished. */
export function validateJobStatusUpdate(job: Job, old: Job): FieldError[] {
  const errors: FieldError[] = [];
  const status = job.status ?? {};
  for (const name of ["active", "succeeded", "failed", "ready", "terminating"] as const) {
    validateNonNegative(status[name], child("status", name), errors);
  }
  for (const side of ["succeeded", "failed"] as const) {
    for (const [index, uid] of (status.uncountedTerminatedPods?.[side] ?? []).entries()) {
      const field = at(child("status.uncountedTerminatedPods", side), index);
      if (uid === "") errors.push(invalid(field, uid, "must not be empty"));
      const all = [
        ...(status.uncountedTerminatedPods?.succeeded ?? []),
        ...(status.uncountedTerminatedPods?.failed ?? []),
      ];
      if (all.filter((other) => other === uid).length > 1) errors.push(duplicate(field, uid));
    }
  }
  const has = (of: Job, wanted: string) =>
    of.status?.conditions?.find(({ type }) => type === wanted)?.status === "True";
  for (const type of ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"]) {
    if (!has(old, type) || has(job, type)) continue;
    const field = child("status", "conditions");
    errors.push(invalid(field, status.conditions ?? null, `cannot disable the terminal Job condition "${type}"`));
  }
  if (has(job, "Complete") && has(job, "Failed")) {
    errors.push(invalid("status.conditions", status.conditions, "cannot set Complete=True and Failed=True conditions"));
  }
  if (status.completionTime && !has(job, "Complete")) {
    const detail = "cannot set completionTime when there is no Complete=True condition";
    errors.push(invalid("status.completionTime", status.completionTime, detail));
  } else if (status.completionTime && status.startTime && status.completionTime < status.startTime) {
    errors.push(
      invalid("status.completionTime", status.completionTime, "completionTime cannot be set before startTime"),
    );
  }
  return errors;
}
