import { checkDnsSubdomainWithUnderscore } from "../../names.ts";
import { Quantity } from "../../quantity.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { PodDNSConfig, PodResourceClaim, PodSpec } from "../../types/core.v1.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import { validateLegacyIp } from "../ip-checks.ts";
import { validateLabels } from "../label-checks.ts";
import { parseQuantity } from "../quantities.ts";
import {
  addProblems,
  rangeMessage,
  validateLabelName,
  validateOptionalEnum,
  validateQualifiedName,
  validateSubdomain,
} from "../value-checks.ts";
import {
  type PodScope,
  validateContainers,
  validateEphemeralContainers,
  validateInitContainers,
} from "./container-validation.ts";
import { aggregateContainers } from "./pod-resources.ts";
import {
  validateContainerResourceName,
  validateResourceQuantity,
  validateResourceRequirements,
} from "./resource-requirements.ts";
import {
  validateAffinity,
  validateSchedulingGates,
  validateTolerations,
  validateTopologySpread,
} from "./scheduling-validation.ts";
import { validateHostProcess, validateOs, validatePodSecurityContext } from "./security-context-validation.ts";
import { validateVolumes } from "./volume-validation.ts";

const MAX_INT32 = 2_147_483_647;
const DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/**
 * Validates a pod's spec, in a pod or in a template. `podName` is the pod's, and absent for a template: some rules
 * apply only to pods, as templates were once taken without them.
 */
export function validatePodSpec(spec: PodSpec, podName: string | undefined, path: string, errors: FieldError[]): void {
  if (spec.terminationGracePeriodSeconds == null) errors.push(required(child(path, "terminationGracePeriodSeconds")));
  const volumes = validateVolumes(spec.volumes, podName, child(path, "volumes"), errors);
  const claimNames = validateResourceClaims(spec.resourceClaims, child(path, "resourceClaims"), errors);
  const emptyDirs = new Set<string>();
  for (const [name, volume] of volumes) if (volume.emptyDir) emptyDirs.add(name);
  const scope: PodScope = {
    spec,
    volumes,
    emptyDirs,
    claimNames,
    isPod: podName !== undefined,
    hostUsers: spec.hostUsers ?? true,
  };
  validateContainers(scope, child(path, "containers"), errors);
  validateInitContainers(scope, child(path, "initContainers"), errors);
  validateEphemeralContainers(scope, child(path, "ephemeralContainers"), errors);
  if (spec.resources) validatePodResources(spec, claimNames, child(path, "resources"), errors);
  validateHostNetworkPorts(scope, path, errors);
  validateRestartPolicy(spec.restartPolicy, child(path, "restartPolicy"), errors);
  if (!spec.dnsPolicy) errors.push(required(child(path, "dnsPolicy")));
  else validateOptionalEnum(spec.dnsPolicy, DNS_POLICIES, child(path, "dnsPolicy"), errors);
  validateLabels(spec.nodeSelector, child(path, "nodeSelector"), errors);
  validatePodSecurityContext(spec, child(path, "securityContext"), errors);
  validateAffinity(spec.affinity, child(path, "affinity"), errors);
  validateDnsConfig(spec.dnsConfig, spec.dnsPolicy, child(path, "dnsConfig"), errors);
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    const field = child(at(child(path, "readinessGates"), index), "conditionType");
    validateQualifiedName(conditionType ?? "", field, errors);
  }
  validateSchedulingGates(spec.schedulingGates, child(path, "schedulingGates"), errors);
  validateTopologySpread(spec.topologySpreadConstraints, child(path, "topologySpreadConstraints"), errors);
  validateHostProcess(spec, path, errors);
  validateHostUsers(spec, path, errors);
  if (spec.serviceAccountName) validateSubdomain(spec.serviceAccountName, child(path, "serviceAccountName"), errors);
  if (spec.nodeName) validateSubdomain(spec.nodeName, child(path, "nodeName"), errors);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline != null && (deadline < 1 || deadline > MAX_INT32)) {
    errors.push(invalid(child(path, "activeDeadlineSeconds"), deadline, rangeMessage(1, MAX_INT32)));
  }
  validateHostnames(spec, path, errors);
  validateTolerations(spec.tolerations, child(path, "tolerations"), errors);
  for (const [index, { ip, hostnames }] of (spec.hostAliases ?? []).entries()) {
    const field = at(child(path, "hostAliases"), index);
    validateLegacyIp(ip ?? "", child(field, "ip"), errors);
    for (const [position, hostname] of (hostnames ?? []).entries()) {
      validateSubdomain(hostname, at(child(field, "hostnames"), position), errors);
    }
  }
  if (spec.priorityClassName) validateSubdomain(spec.priorityClassName, child(path, "priorityClassName"), errors);
  if (spec.runtimeClassName != null) {
    validateSubdomain(spec.runtimeClassName, child(path, "runtimeClassName"), errors);
  }
  validateOptionalEnum(
    spec.preemptionPolicy,
    ["PreemptLowerPriority", "Never"],
    child(path, "preemptionPolicy"),
    errors,
  );
  for (const name in spec.overhead) {
    const field = at(child(path, "overhead"), name);
    validateContainerResourceName(name, field, errors);
    validateResourceQuantity(name, spec.overhead[name]!, field, errors);
  }
  validateOs(spec, path, errors);
}

function validateRestartPolicy(policy: string | undefined, path: string, errors: FieldError[]): void {
  const supported = ["Always", "OnFailure", "Never"];
  if (!policy) errors.push(required(path));
  else if (!supported.includes(policy)) errors.push(notSupported(path, policy, supported));
}

/** Claims by name; returns the names that containers may refer to. */
function validateResourceClaims(
  claims: PodResourceClaim[] | undefined | null,
  path: string,
  errors: FieldError[],
): Set<string> {
  const names = new Set<string>();
  for (const [index, claim] of (claims ?? []).entries()) {
    const field = at(path, index);
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (!name) errors.push(required(child(field, "name")));
    else if (names.has(name)) errors.push(duplicate(child(field, "name"), name));
    else {
      validateLabelName(name, child(field, "name"), errors);
      names.add(name);
    }
    if (resourceClaimName != null && resourceClaimTemplateName != null) {
      const detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
      errors.push(invalid(field, claim, detail));
    }
    if (resourceClaimName == null && resourceClaimTemplateName == null) {
      const detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
      errors.push(invalid(field, claim, detail));
    }
    if (resourceClaimName != null) validateSubdomain(resourceClaimName, child(field, "resourceClaimName"), errors);
    if (resourceClaimTemplateName != null) {
      validateSubdomain(resourceClaimTemplateName, child(field, "resourceClaimTemplateName"), errors);
    }
  }
  return names;
}

/** Resources of the pod as a whole cover what its containers ask for (KEP-2837). */
function validatePodResources(
  spec: PodSpec,
  claimNames: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  const { claims, requests, limits } = spec.resources!;
  if (claims?.length) errors.push(forbidden(child(path, "claims"), "claims cannot be set for Resources at pod-level"));
  validateResourceRequirements({ requests, limits }, path, claimNames, errors, true);
  for (const [name, needed] of aggregateContainers(spec, "requests")) {
    const asked = parseQuantity(requests?.[name]) ?? Quantity.zero;
    if (needed.compare(asked) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container requests of ${needed}`;
    errors.push(invalid(at(child(path, "requests"), name), asked.toString(), detail));
  }
  for (const [index, container] of (spec.containers ?? []).entries()) {
    for (const name in container.resources?.limits) {
      const ofPod = parseQuantity(limits?.[name]);
      const own = parseQuantity(container.resources.limits[name]);
      if (!ofPod || !own || own.compare(ofPod) <= 0) continue;
      const field = child(at(at(child(path, "containers"), index), name), "limits");
      errors.push(invalid(field, own.toString(), `must be less than or equal to pod limits of ${ofPod}`));
    }
  }
}

/** On the host's network the container's port is the host's; templates may leave it to be filled in. */
function validateHostNetworkPorts({ spec, isPod }: PodScope, path: string, errors: FieldError[]): void {
  if (!spec.hostNetwork) return;
  for (const [index, { ports }] of (spec.containers ?? []).entries()) {
    for (const [position, { hostPort = 0, containerPort }] of (ports ?? []).entries()) {
      if ((!isPod && hostPort === 0) || hostPort === containerPort) continue;
      const field = at(child(at(child(path, "containers"), index), "ports"), position);
      errors.push(invalid(child(field, "hostPort"), hostPort, "must match `containerPort` when `hostNetwork` is true"));
    }
  }
}

function validateHostUsers(spec: PodSpec, path: string, errors: FieldError[]): void {
  if (spec.hostUsers ?? true) return;
  const detail = "when `hostUsers` is false";
  if (spec.hostNetwork) errors.push(forbidden(child(path, "hostNetwork"), detail));
  if (spec.hostPID) errors.push(forbidden(child(path, "hostPID"), detail));
  if (spec.hostIPC) errors.push(forbidden(child(path, "hostIPC"), detail));
}

/** The longest host name that Linux takes. */
const HOSTNAME_LIMIT = 64;

function validateHostnames(spec: PodSpec, path: string, errors: FieldError[]): void {
  if (spec.hostname) validateLabelName(spec.hostname, child(path, "hostname"), errors);
  if (spec.subdomain) validateLabelName(spec.subdomain, child(path, "subdomain"), errors);
  if (spec.hostnameOverride == null) return;
  const field = child(path, "hostnameOverride");
  validateSubdomain(spec.hostnameOverride, field, errors);
  if (Buffer.byteLength(spec.hostnameOverride) > HOSTNAME_LIMIT) errors.push(tooLong(field, HOSTNAME_LIMIT));
  if (spec.hostNetwork) errors.push(forbidden(field, "may not be specified when hostNetwork is true"));
  if (spec.setHostnameAsFQDN) errors.push(forbidden(field, "may not be specified when setHostnameAsFQDN is true"));
}

const MOST_NAMESERVERS = 3;
const MOST_SEARCHES = 32;
const SEARCH_CHARACTERS = 2048;

function validateDnsConfig(
  config: PodDNSConfig | undefined | null,
  policy: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (policy === "None" && !config) {
    errors.push(required(path, "must provide `dnsConfig` when `dnsPolicy` is None"));
  }
  if (!config) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (policy === "None" && nameservers.length === 0) {
    const detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
    errors.push(required(child(path, "nameservers"), detail));
    return;
  }
  if (nameservers.length > MOST_NAMESERVERS) {
    const detail = `must not have more than ${MOST_NAMESERVERS} nameservers`;
    errors.push(invalid(child(path, "nameservers"), nameservers, detail));
  }
  for (const [index, server] of nameservers.entries()) {
    validateLegacyIp(server, at(child(path, "nameservers"), index), errors);
  }
  if (searches.length > MOST_SEARCHES) {
    const detail = `must not have more than ${MOST_SEARCHES} search paths`;
    errors.push(invalid(child(path, "searches"), searches, detail));
  }
  if (searches.join(" ").length > SEARCH_CHARACTERS) {
    const detail = `must not have more than ${SEARCH_CHARACTERS} characters (including spaces) in the search list`;
    errors.push(invalid(child(path, "searches"), searches, detail));
  }
  for (const [index, search] of searches.entries()) {
    if (search === ".") continue;
    const name = search.replace(/\.$/, "");
    addProblems(checkDnsSubdomainWithUnderscore(name), at(child(path, "searches"), index), name, errors);
  }
  for (const [index, { name }] of options.entries()) {
    if (!name) errors.push(required(at(child(path, "options"), index), "must not be empty"));
  }
}
