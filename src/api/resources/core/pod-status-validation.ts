import { checkDnsSubdomain, checkQualifiedName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { Container, ContainerStatus, Pod } from "../../types/core.v1.ts";
import { at, child, duplicate, forbidden, invalid } from "../field-errors.ts";
import { isDualStack, validateLegacyIp } from "../ip-checks.ts";
import { addProblems, IMMUTABLE } from "../value-checks.ts";
import { validatePodAnnotationUpdate } from "./pod-annotations.ts";

/** What a kubelet may not report. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const status = pod.status ?? {};
  const before = old.status ?? {};
  const annotations = "metadata.annotations";
  validatePodAnnotationUpdate(pod.metadata?.annotations, old.metadata?.annotations, annotations, errors);
  for (const [index, { type }] of (status.conditions ?? []).entries()) {
    const field = child(at("status.conditions", index), "type");
    addProblems(checkQualifiedName(type ?? ""), field, type ?? "", errors);
  }
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== before.nominatedNodeName) {
    addProblems(checkDnsSubdomain(nominated), "status.nominatedNodeName", nominated, errors);
  }
  if ((status.qosClass ?? "") !== (before.qosClass ?? "")) {
    errors.push(invalid("status.qosClass", status.qosClass ?? "", IMMUTABLE));
  }
  validateStates(pod, old, errors);
  for (const [index, { name }] of (status.resourceClaimStatuses ?? []).entries()) {
    if (pod.spec?.resourceClaims?.some((claim) => claim.name === name)) continue;
    const field = child(at("status.resourceClaimStatuses", index), "name");
    errors.push(invalid(field, name, "must match the name of an entry in `spec.resourceClaims`"));
  }
  validateIps(status.podIPs, before.podIPs, "status.podIPs", errors);
  const [first] = status.hostIPs ?? [];
  if (first && first.ip !== (status.hostIP ?? "")) {
    errors.push(invalid("status.hostIPs[0].ip", first.ip, "must be equal to `hostIP`"));
  }
  validateIps(status.hostIPs, before.hostIPs, "status.hostIPs", errors);
  return errors;
}

interface Address {
  ip?: string;
}

function validateIps(
  ips: readonly Address[] | undefined,
  old: readonly Address[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (!ips) return;
  const accepted = (old ?? []).map(({ ip = "" }) => ip);
  for (const [index, { ip = "" }] of ips.entries()) validateLegacyIp(ip, at(path, index), errors, accepted);
  if (ips.length < 2) return;
  const texts = ips.map(({ ip = "" }) => ip);
  if (!isDualStack(texts) || ips.length > 2) {
    errors.push(invalid(path, ips, "may specify no more than one IP for each IP family"));
  }
  for (const [index, entry] of ips.entries()) {
    if (texts.indexOf(texts[index]!) < index) errors.push(duplicate(at(path, index), entry));
  }
}

/** A container that ended for good does not run again. */
function validateStates(pod: Pod, old: Pod, errors: FieldError[]): void {
  const policyOf = (container: Container | undefined) =>
    container?.restartPolicyRules?.length ? "Always" : (container?.restartPolicy ?? old.spec?.restartPolicy);
  const check = (
    name: "containerStatuses" | "initContainerStatuses" | "ephemeralContainerStatuses",
    restarts: (status: ContainerStatus) => boolean,
  ) => {
    for (const [index, before] of (old.status?.[name] ?? []).entries()) {
      if (!before.state?.terminated || restarts(before)) continue;
      const after = pod.status?.[name]?.find((one) => one.name === before.name);
      if (!after || after.state?.terminated) continue;
      const field = child(at(child("status", name), index), "state");
      errors.push(forbidden(field, "may not be transitioned to non-terminated state"));
    }
  };
  const mayRestart = (list: readonly Container[] | undefined) => (status: ContainerStatus) => {
    const policy = policyOf(list?.find(({ name }) => name === status.name));
    return policy === "Always" || (policy === "OnFailure" && status.state?.terminated?.exitCode !== 0);
  };
  check("containerStatuses", mayRestart(old.spec?.containers));
  check("initContainerStatuses", mayRestart(old.spec?.initContainers));
  check("ephemeralContainerStatuses", () => false);
}
