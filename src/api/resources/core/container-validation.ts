import { checkPortName, checkPortNumber } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  Container,
  ContainerPort,
  ContainerResizePolicy,
  EphemeralContainer,
  PodSpec,
  Volume,
} from "../../types/core.v1.ts";
import {
  at,
  child,
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  tooMany,
} from "../field-errors.ts";
import { addProblems, validateEnum, validateLabelName, validateOptionalEnum } from "../value-checks.ts";
import { validateEnvironment, validateEnvironmentFrom } from "./environment-validation.ts";
import { validateLocalDescendingPath } from "./path-checks.ts";
import { isSidecar } from "./pod-resources.ts";
import { validateLifecycle, validateProbe } from "./probe-validation.ts";
import { validateResourceRequirements } from "./resource-requirements.ts";
import { validateSecurityContext } from "./security-context-validation.ts";
import { PULL_POLICIES } from "./volume-validation.ts";

export const PROTOCOLS = ["SCTP", "TCP", "UDP"] as const;
const RESTART_POLICIES = ["Always", "Never", "OnFailure"];

/** What the containers of a pod are checked against. */
export interface PodScope {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
  /** Names of emptyDir volumes. */
  readonly emptyDirs: ReadonlySet<string>;
  readonly claimNames: ReadonlySet<string>;
  /** A pod, rather than a template of one. */
  readonly isPod: boolean;
  readonly hostUsers: boolean;
}

export function validateContainers(scope: PodScope, path: string, errors: FieldError[]): void {
  const containers = scope.spec.containers ?? [];
  if (containers.length === 0) {
    errors.push(required(path));
    return;
  }
  const names = new Set<string>();
  for (const [index, container] of containers.entries()) {
    const field = at(path, index);
    validateCommon(container, scope, field, errors);
    if (names.has(container.name)) errors.push(duplicate(child(field, "name"), container.name));
    names.add(container.name);
    validateHooks(container, scope, field, errors);
    validateRestartPolicy(container, field, errors);
  }
  validateHostPortConflicts(containers, path, errors);
}

export function validateInitContainers(scope: PodScope, path: string, errors: FieldError[]): void {
  const names = new Set((scope.spec.containers ?? []).map(({ name }) => name));
  for (const [index, container] of (scope.spec.initContainers ?? []).entries()) {
    const field = at(path, index);
    validateCommon(container, scope, field, errors);
    validateRestartPolicy(container, field, errors);
    if (names.has(container.name)) errors.push(duplicate(child(field, "name"), container.name));
    else if (container.name) names.add(container.name);
    // Init containers run one after the other: only within one of them can ports collide.
    validateHostPortConflicts([container], path, errors);
    if (isSidecar(container)) validateHooks(container, scope, field, errors);
    else {
      for (const name of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const) {
        if (!container[name]) continue;
        const detail = "may not be set for init containers without restartPolicy=Always";
        errors.push(forbidden(child(field, name), detail));
      }
    }
  }
}

/** What an ephemeral container may have: it is a guest, and promises nothing. */
const EPHEMERAL_FIELDS = new Set([
  "name",
  "image",
  "command",
  "args",
  "workingDir",
  "envFrom",
  "env",
  "volumeMounts",
  "volumeDevices",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "imagePullPolicy",
  "securityContext",
  "stdin",
  "stdinOnce",
  "tty",
  "targetContainerName",
]);

export function validateEphemeralContainers(scope: PodScope, path: string, errors: FieldError[]): void {
  const { spec } = scope;
  if (!spec.ephemeralContainers?.length) return;
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(others);
  const detail = "cannot be set for an Ephemeral Container";
  for (const [index, container] of spec.ephemeralContainers.entries()) {
    const field = at(path, index);
    validateCommon(container, scope, field, errors);
    validateTrimmedImage(container, field, errors);
    if (names.has(container.name)) errors.push(duplicate(child(field, "name"), container.name));
    names.add(container.name);
    if (container.targetContainerName && !others.has(container.targetContainerName)) {
      errors.push(notFound(child(field, "targetContainerName"), container.targetContainerName));
    }
    for (const [name, value] of Object.entries(container)) {
      if (!EPHEMERAL_FIELDS.has(name) && isSet(value)) errors.push(forbidden(child(field, name), detail));
    }
    for (const [position, { subPath, subPathExpr }] of (container.volumeMounts ?? []).entries()) {
      const mount = at(child(field, "volumeMounts"), position);
      if (subPath) errors.push(forbidden(child(mount, "subPath"), detail));
      if (subPathExpr) errors.push(forbidden(child(mount, "subPathExpr"), detail));
    }
  }
}

/** Whether a field holds anything: an empty object is what an absent struct looks like. */
function isSet(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Boolean(value);
  return Object.keys(value).length > 0;
}

/** Pods are stricter here than templates, for compatibility's sake. */
export function validateTrimmedImage({ image }: { image?: string }, path: string, errors: FieldError[]): void {
  if (image && image !== image.trim()) {
    errors.push(invalid(child(path, "image"), image, "must not have leading or trailing whitespace"));
  }
}

function validateCommon(
  container: Container | EphemeralContainer,
  scope: PodScope,
  path: string,
  errors: FieldError[],
): void {
  if (!container.name) errors.push(required(child(path, "name")));
  else validateLabelName(container.name, child(path, "name"), errors);
  if (!container.image) errors.push(required(child(path, "image")));
  validateEnum(
    container.terminationMessagePolicy,
    ["File", "FallbackToLogsOnError"],
    child(path, "terminationMessagePolicy"),
    errors,
  );
  validatePorts(container.ports, child(path, "ports"), errors);
  validateEnvironment(container.env, scope.emptyDirs, child(path, "env"), errors);
  validateEnvironmentFrom(container.envFrom, child(path, "envFrom"), errors);
  validateMounts(container, scope, child(path, "volumeMounts"), errors);
  validateDevices(container, scope, child(path, "volumeDevices"), errors);
  validateEnum(container.imagePullPolicy, PULL_POLICIES, child(path, "imagePullPolicy"), errors);
  validateResourceRequirements(container.resources, child(path, "resources"), scope.claimNames, errors);
  validateResizePolicy(container.resizePolicy, scope.spec, child(path, "resizePolicy"), errors);
  validateSecurityContext(container.securityContext, scope.hostUsers, child(path, "securityContext"), errors);
}

function validateHooks(container: Container, scope: PodScope, path: string, errors: FieldError[]): void {
  const { terminationGracePeriodSeconds, os } = scope.spec;
  validateLifecycle(container.lifecycle, terminationGracePeriodSeconds, os?.name, child(path, "lifecycle"), errors);
  validateProbe(container.livenessProbe, "liveness", child(path, "livenessProbe"), errors);
  validateProbe(container.readinessProbe, "readiness", child(path, "readinessProbe"), errors);
  validateProbe(container.startupProbe, "startup", child(path, "startupProbe"), errors);
}

const MOST_RESTART_RULES = 20;
const MOST_EXIT_CODES = 255;

/** A container's own restart policy, and the rules that refine it (KEP-5307). */
function validateRestartPolicy(container: Container, path: string, errors: FieldError[]): void {
  const { restartPolicy, restartPolicyRules } = container;
  validateOptionalEnum(restartPolicy, RESTART_POLICIES, child(path, "restartPolicy"), errors);
  if (!restartPolicyRules?.length) return;
  if (restartPolicy == null) {
    errors.push(required(child(path, "restartPolicy"), "must specify restartPolicy when restart rules are used"));
  }
  const rules = child(path, "restartPolicyRules");
  if (restartPolicyRules.length > MOST_RESTART_RULES) {
    errors.push(tooMany(rules, restartPolicyRules.length, MOST_RESTART_RULES));
  }
  for (const [index, { action, exitCodes }] of restartPolicyRules.entries()) {
    const field = at(rules, index);
    validateEnum(action, ["Restart", "RestartAllContainers"], child(field, "action"), errors);
    if (!exitCodes) errors.push(required(child(field, "exitCodes"), "must be specified"));
    else {
      validateEnum(exitCodes.operator, ["In", "NotIn"], child(field, "exitCodes", "operator"), errors);
      const count = exitCodes.values?.length ?? 0;
      const values = child(field, "exitCodes", "values");
      if (count === 0) errors.push(required(values));
      else if (count > MOST_EXIT_CODES) errors.push(tooMany(values, count, MOST_EXIT_CODES));
    }
  }
}

function validatePorts(ports: ContainerPort[] | undefined | null, path: string, errors: FieldError[]): void {
  if (!ports) return;
  const names = new Set<string>();
  for (const [index, { name, containerPort, hostPort, protocol }] of ports.entries()) {
    const field = at(path, index);
    if (name) {
      const problems = checkPortName(name);
      addProblems(problems, child(field, "name"), name, errors);
      if (problems.length === 0 && names.has(name)) errors.push(duplicate(child(field, "name"), name));
      names.add(name);
    }
    if (!containerPort) errors.push(required(child(field, "containerPort")));
    else addProblems(checkPortNumber(containerPort), child(field, "containerPort"), containerPort, errors);
    if (hostPort) addProblems(checkPortNumber(hostPort), child(field, "hostPort"), hostPort, errors);
    validateEnum(protocol, PROTOCOLS, child(field, "protocol"), errors);
  }
}

function validateHostPortConflicts(containers: readonly Container[], path: string, errors: FieldError[]): void {
  let seen: Set<string> | undefined;
  for (const [index, { ports }] of containers.entries()) {
    for (const [position, { protocol, hostIP = "", hostPort }] of (ports ?? []).entries()) {
      if (!hostPort) continue;
      seen ??= new Set();
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.has(key)) errors.push(duplicate(child(at(child(at(path, index), "ports"), position), "hostPort"), key));
      seen.add(key);
    }
  }
}

const PROPAGATIONS = ["Bidirectional", "HostToContainer", "None"];

function validateMounts(
  container: Container | EphemeralContainer,
  { volumes }: PodScope,
  path: string,
  errors: FieldError[],
): void {
  const { volumeMounts, volumeDevices = [], securityContext } = container;
  if (!volumeMounts) return;
  const paths = new Set<string>();
  for (const [index, mount] of volumeMounts.entries()) {
    const field = at(path, index);
    const { name, mountPath, subPath, subPathExpr, mountPropagation, recursiveReadOnly } = mount;
    if (!name) errors.push(required(child(field, "name")));
    const volume = volumes.get(name);
    if (!volume) errors.push(notFound(child(field, "name"), name ?? ""));
    if (!mountPath) errors.push(required(child(field, "mountPath")));
    if (paths.has(mountPath)) errors.push(invalid(child(field, "mountPath"), mountPath, "must be unique"));
    paths.add(mountPath);
    if (volumeDevices.some((device) => device.name === name)) {
      errors.push(invalid(child(field, "name"), name, "must not already exist in volumeDevices"));
    }
    if (volumeDevices.some((device) => device.devicePath === mountPath)) {
      const detail = "must not already exist as a path in volumeDevices";
      errors.push(invalid(child(field, "mountPath"), mountPath, detail));
    }
    if (subPath) validateLocalDescendingPath(subPath, child(path, "subPath"), errors);
    if (subPathExpr) {
      if (subPath) {
        const detail = "subPathExpr and subPath are mutually exclusive";
        errors.push(invalid(child(field, "subPathExpr"), subPathExpr, detail));
      }
      validateLocalDescendingPath(subPathExpr, child(path, "subPathExpr"), errors);
    }
    if (mountPropagation != null) {
      validateOptionalEnum(mountPropagation, PROPAGATIONS, child(path, "mountPropagation"), errors);
      if (mountPropagation === "Bidirectional" && !securityContext?.privileged) {
        const detail = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(forbidden(child(path, "mountPropagation"), detail));
      }
    }
    if (recursiveReadOnly == null || recursiveReadOnly === "Disabled") continue;
    const recursive = child(path, "recursiveReadOnly");
    if (recursiveReadOnly !== "Enabled" && recursiveReadOnly !== "IfPossible") {
      errors.push(notSupported(recursive, recursiveReadOnly, ["Disabled", "Enabled", "IfPossible"]));
      continue;
    }
    if (!mount.readOnly) errors.push(forbidden(recursive, "may only be specified when readOnly is true"));
    if (mountPropagation != null && mountPropagation !== "None") {
      errors.push(forbidden(recursive, "may only be specified when mountPropagation is None or not specified"));
    }
  }
}

function validateDevices(
  { volumeDevices, volumeMounts = [] }: Container | EphemeralContainer,
  { volumes }: PodScope,
  path: string,
  errors: FieldError[],
): void {
  if (!volumeDevices) return;
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const [index, { name, devicePath }] of volumeDevices.entries()) {
    const field = at(path, index);
    const volume = volumes.get(name);
    if (!name) errors.push(required(child(field, "name")));
    if (names.has(name)) errors.push(invalid(child(field, "name"), name, "must be unique"));
    if (!volume) errors.push(notFound(child(field, "name"), name ?? ""));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
      errors.push(invalid(child(field, "name"), name, detail));
    }
    if (!devicePath) errors.push(required(child(field, "devicePath")));
    if (paths.has(devicePath)) errors.push(invalid(child(field, "devicePath"), devicePath, "must be unique"));
    if (devicePath?.split("/").includes("..")) {
      errors.push(invalid(child(field, "devicePath"), devicePath, "can not contain backsteps ('..')"));
    } else paths.add(devicePath);
    if (volumeMounts.some((mount) => mount.name === name)) {
      errors.push(invalid(child(field, "name"), name, "must not already exist in volumeMounts"));
    }
    if (volumeMounts.some((mount) => mount.mountPath === devicePath)) {
      const detail = "must not already exist as a path in volumeMounts";
      errors.push(invalid(child(field, "devicePath"), devicePath, detail));
    }
    if (name) names.add(name);
  }
}

function validateResizePolicy(
  policies: ContainerResizePolicy[] | undefined | null,
  spec: PodSpec,
  path: string,
  errors: FieldError[],
): void {
  if (!policies) return;
  const seen = new Set<string>();
  for (const [index, { resourceName, restartPolicy }] of policies.entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(at(path, index), resourceName));
    seen.add(resourceName);
    validateEnum(resourceName, ["cpu", "memory"], path, errors);
    validateEnum(restartPolicy, ["NotRequired", "RestartContainer"], path, errors);
    if (spec.restartPolicy === "Never" && restartPolicy !== "NotRequired") {
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    }
  }
}
