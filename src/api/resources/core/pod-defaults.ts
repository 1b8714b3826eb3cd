import type {
  Container,
  EphemeralContainer,
  LifecycleHandler,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
} from "../../types/core.v1.ts";
import { canonicalizeMilliList } from "../quantities.ts";
import { aggregateContainers, isHugePages, isOvercommitAllowed, isPodLevelResource } from "./pod-resources.ts";
import { pullPolicyFor } from "./pull-policy.ts";
import { defaultDivisor, defaultVolume } from "./volume-defaults.ts";

/** Upstream's defaults of a pod template: those of its spec. Defaults that only pods have are in `defaultPod`. */
export function defaultPodTemplate(template: PodTemplateSpec): void {
  template.metadata ??= {};
  // Written as null by generators that know the field but not the time.
  if (template.metadata.creationTimestamp === null) delete template.metadata.creationTimestamp;
  template.spec ??= { containers: [] };
  defaultPodSpec(template.spec);
}

/** Upstream's defaults of a pod's spec, in pods and in templates alike. */
export function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= "ClusterFirst";
  spec.restartPolicy ||= "Always";
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= "default-scheduler";
  alignServiceAccount(spec);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  canonicalizeMilliList(spec.overhead);
  canonicalizeMilliList(spec.resources?.limits);
  canonicalizeMilliList(spec.resources?.requests);
}

/** `serviceAccount` is the old name of `serviceAccountName`: both are shown, the new one rules. */
export function alignServiceAccount(spec: PodSpec): void {
  if (!spec.serviceAccountName) {
    if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  }
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
}

/** Upstream's defaults of a pod: those of the spec, and what only a pod (not a template) gets. */
export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] };
  const spec = pod.spec;
  defaultPodSpec(spec);
  for (const container of spec.containers ?? []) requestLimits(container);
  for (const container of spec.initContainers ?? []) requestLimits(container);
  if (spec.resources) defaultPodLevelResources(spec);
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork) {
    for (const container of spec.containers ?? []) hostPorts(container);
    for (const container of spec.initContainers ?? []) hostPorts(container);
  }
  alignPodIPs(pod);
}

/** A kubelet that knows only one of `podIP` and `podIPs` is believed in that one. */
function alignPodIPs({ status }: Pod): void {
  if (!status) return;
  const first = status.podIPs?.[0]?.ip;
  if (status.podIP) {
    if (first !== status.podIP) status.podIPs = [{ ip: status.podIP }];
  } else if (first) status.podIP = first;
}

function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= pullPolicyFor(container.image);
  container.terminationMessagePath ||= "/dev/termination-log";
  container.terminationMessagePolicy ||= "File";
  container.resources ??= {};
  canonicalizeMilliList(container.resources.limits);
  canonicalizeMilliList(container.resources.requests);
  for (const port of container.ports ?? []) port.protocol ||= "TCP";
  for (const variable of container.env ?? []) {
    const source = variable.valueFrom;
    if (!source) continue;
    if (source.fieldRef) source.fieldRef.apiVersion ||= "v1";
    if (source.resourceFieldRef) defaultDivisor(source.resourceFieldRef);
    if (source.fileKeyRef) source.fileKeyRef.optional ??= false;
  }
  if (container.livenessProbe) defaultProbe(container.livenessProbe);
  if (container.readinessProbe) defaultProbe(container.readinessProbe);
  if (container.startupProbe) defaultProbe(container.startupProbe);
  if (container.lifecycle?.postStart) defaultHandler(container.lifecycle.postStart);
  if (container.lifecycle?.preStop) defaultHandler(container.lifecycle.preStop);
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.grpc) probe.grpc.service ??= "";
  defaultHandler(probe);
}

function defaultHandler(handler: Pick<LifecycleHandler, "httpGet">): void {
  if (!handler.httpGet) return;
  handler.httpGet.path ||= "/";
  handler.httpGet.scheme ||= "HTTP";
}

/** A limit without a request asks for as much as it allows. */
function requestLimits({ resources }: Container): void {
  const limits = resources?.limits;
  if (!limits) return;
  resources.requests ??= {};
  for (const name in limits) resources.requests[name] ??= limits[name]!;
}

/** On the host's network a container's port is the host's. */
function hostPorts({ ports }: Container): void {
  for (const port of ports ?? []) port.hostPort ||= port.containerPort;
}

/** Completes resources of the pod as a whole from those of its containers (KEP-2837). */
function defaultPodLevelResources(spec: PodSpec): void {
  const resources = spec.resources!;
  if (!isEmpty(resources.limits) || !isEmpty(resources.requests)) {
    const limits: Record<string, string> = { ...resources.limits };
    for (const [name, amount] of aggregateContainers(spec, "limits")) {
      if (!isHugePages(name) || resources.requests?.[name] !== undefined) continue;
      limits[name] ??= amount.toString();
    }
    if (!isEmpty(limits)) resources.limits = limits;
  }
  if (!isEmpty(resources.limits)) {
    const requests: Record<string, string> = { ...resources.requests };
    for (const [name, amount] of aggregateContainers(spec, "requests")) {
      if (isPodLevelResource(name) && isOvercommitAllowed(name)) requests[name] ??= amount.toString();
    }
    for (const name in resources.limits) {
      if (isPodLevelResource(name)) requests[name] ??= resources.limits[name]!;
    }
    if (!isEmpty(requests)) resources.requests = requests;
  }
}

function isEmpty(list: Record<string, string> | undefined): boolean {
  for (const _name in list) return false;
  return true;
}
