import { controllerRef } from "../../api/controller-ref.ts";
import { semanticEqual } from "../../api/json-equal.ts";
import { services } from "../../api/resource-types.ts";
import type { Node, Pod, Service } from "../../api/types/core.v1.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "../../api/types/discovery.v1.ts";
import {
  addressOfFamily,
  type BackendPort,
  backendOf,
  familiesOf,
  hasEndpoint,
  hostnameOf,
  type IpFamily,
  isHeadless,
  portsOf,
  targetRefOf,
  zoneOf,
} from "./backends.ts";
import { LAST_CHANGE_TRIGGER_TIME } from "./trigger-times.ts";

export const SERVICE_NAME = "kubernetes.io/service-name";
export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const MANAGER = "endpointslice-controller.k8s.io";
export const HEADLESS = "service.kubernetes.io/headless";

export interface ObservedService {
  service: Service;
  /** The pods that it selects. */
  pods: readonly Pod[];
  nodeOf(name: string): Node | undefined;
  /** The slices that are there for it and managed by this controller. */
  slices: readonly EndpointSlice[];
  maxPerSlice: number;
  /** For the annotation of slices that are written. */
  triggerTime: string | undefined;
}

export interface SlicePlan {
  create: EndpointSlice[];
  update: EndpointSlice[];
  remove: EndpointSlice[];
}

interface Draft {
  readonly slice: EndpointSlice;
  endpoints: Endpoint[];
  changed: boolean;
}

/**
 * The slices a Service needs, with as few writes as possible: endpoints stay in the slice where they are, new ones fill
 * up slices that are written anyway, then the one with the best fit, and only then a new slice is made. Slices are full
 * enough, not packed: moving endpoints between slices costs every node an update.
 */
export function planSlices(observed: ObservedService): SlicePlan {
  const { service, slices } = observed;
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const families = familiesOf(service);
  for (const slice of slices) if (!families.includes(slice.addressType as IpFamily)) plan.remove.push(slice);
  for (const family of families) {
    planFamily(
      observed,
      family,
      slices.filter((slice) => slice.addressType === family),
      plan,
    );
  }
  return plan;
}

function planFamily(observed: ObservedService, family: IpFamily, slices: readonly EndpointSlice[], plan: SlicePlan) {
  const groups = new Map<string, { ports: EndpointPort[]; endpoints: Map<string, Endpoint> }>();
  for (const pod of observed.pods) {
    const endpoint = endpointOf(observed, pod, family);
    if (!endpoint) continue;
    const ports = slicePorts(portsOf(observed.service, pod));
    // A Service with ports of which the pod has none leads nowhere, but its pod is an endpoint all the same.
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map<string, Endpoint>() };
    group.endpoints.set(identityOf(endpoint), endpoint);
    groups.set(key, group);
  }
  const byPorts = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const key = JSON.stringify(slicePorts((slice.ports ?? []) as BackendPort[]));
    byPorts.set(key, [...(byPorts.get(key) ?? []), slice]);
  }
  const own: SlicePlan = { create: [], update: [], remove: [] };
  for (const [key, present] of byPorts) if (!groups.has(key)) own.remove.push(...present);
  for (const [key, { ports, endpoints }] of groups) {
    planGroup(observed, family, ports, endpoints, byPorts.get(key) ?? [], own);
  }
  keepPlaceholder(observed, family, slices, own);
  plan.create.push(...own.create);
  plan.update.push(...own.update);
  plan.remove.push(...own.remove);
}

/** A Service without endpoints keeps one empty slice, so that it can be told from one nobody has looked at. */
function keepPlaceholder(
  observed: ObservedService,
  family: IpFamily,
  slices: readonly EndpointSlice[],
  own: SlicePlan,
): void {
  if (own.create.length > 0 || own.remove.length < slices.length) return;
  const placeholder = newSlice(observed, family, [], []);
  const same = own.remove.find(
    (slice) =>
      (slice.ports?.length ?? 0) === 0 &&
      (slice.endpoints?.length ?? 0) === 0 &&
      semanticEqual(slice.metadata?.labels, placeholder.metadata?.labels),
  );
  if (same) own.remove = own.remove.filter((slice) => slice !== same);
  else own.create.push(placeholder);
}

function planGroup(
  observed: ObservedService,
  family: IpFamily,
  ports: EndpointPort[],
  wanted: ReadonlyMap<string, Endpoint>,
  present: readonly EndpointSlice[],
  plan: SlicePlan,
): void {
  const { maxPerSlice, service } = observed;
  const missing = new Map(wanted);
  const labels = labelsOf(service);
  const drafts = present.map((slice): Draft => {
    const endpoints: Endpoint[] = [];
    let changed = !semanticEqual(slice.metadata?.labels, labels);
    for (const endpoint of slice.endpoints ?? []) {
      const identity = identityOf(endpoint);
      const next = missing.get(identity);
      if (!next) changed = true;
      else {
        missing.delete(identity);
        if (!semanticEqual(endpoint, next)) changed = true;
        endpoints.push(next);
      }
    }
    return { slice, endpoints, changed };
  });
  const fill = (draft: Draft) => {
    for (const [identity, endpoint] of missing) {
      if (draft.endpoints.length >= maxPerSlice) break;
      draft.endpoints.push(endpoint);
      draft.changed = true;
      missing.delete(identity);
    }
  };
  for (const draft of drafts) if (draft.changed && draft.endpoints.length > 0) fill(draft);
  // What is left goes into the fullest slice that takes it all, and into new ones.
  while (missing.size > 0) {
    const fitting = drafts
      .filter((draft) => draft.endpoints.length + missing.size <= maxPerSlice)
      .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
    if (fitting) fill(fitting);
    else {
      const batch = [...missing].slice(0, maxPerSlice);
      for (const [identity] of batch) missing.delete(identity);
      plan.create.push(
        newSlice(
          observed,
          family,
          ports,
          batch.map(([, endpoint]) => endpoint),
        ),
      );
    }
  }
  for (const { slice, endpoints, changed } of drafts) {
    if (endpoints.length === 0) plan.remove.push(slice);
    else if (changed) {
      const metadata = { ...slice.metadata, labels, annotations: annotationsOf(observed, slice.metadata?.annotations) };
      plan.update.push({ ...slice, metadata, endpoints });
    }
  }
}

/** The endpoint that a pod makes; undefined where it makes none of this family. */
function endpointOf(observed: ObservedService, pod: Pod, family: IpFamily): Endpoint | undefined {
  const { service } = observed;
  const address = addressOfFamily(pod, family);
  if (!hasEndpoint(pod) || address === undefined) return undefined;
  const { nodeName } = pod.spec ?? {};
  const node = nodeName ? observed.nodeOf(nodeName) : undefined;
  // A pod on a node that is gone is as good as gone, unless it is to be published whatever its state.
  if (nodeName && !node && !service.spec?.publishNotReadyAddresses) return undefined;
  const { ready, serving, terminating } = backendOf(service, pod);
  const zone = zoneOf(node);
  const hostname = hostnameOf(service, pod);
  const hints = ready ? hintsOf(service, nodeName, zone) : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    targetRef: targetRefOf(pod),
    ...(nodeName ? { nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(hostname ? { hostname } : {}),
    ...(hints ? { hints } : {}),
  };
}

/** Where the Service wants traffic to stay near, each endpoint is meant for its own zone, or node (KEP-3015). */
function hintsOf(service: Service, nodeName: string | undefined, zone: string | undefined): Endpoint["hints"] {
  const forZones = zone ? { forZones: [{ name: zone }] } : {};
  switch (service.spec?.trafficDistribution) {
    case "PreferClose":
    case "PreferSameZone":
      return zone ? forZones : undefined;
    case "PreferSameNode":
      return nodeName ? { ...forZones, forNodes: [{ name: nodeName }] } : undefined;
    default:
      return undefined;
  }
}

/** What makes an endpoint the same one, whatever its conditions. */
const identityOf = ({ addresses, hostname, targetRef }: Endpoint): string =>
  JSON.stringify([addresses, hostname ?? "", targetRef?.namespace ?? "", targetRef?.name ?? "", targetRef?.uid ?? ""]);

/** Ports in a fixed order and form. */
const slicePorts = (ports: readonly BackendPort[]): EndpointPort[] =>
  ports
    .map(({ name, port, protocol, appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.port - b.port));

function labelsOf(service: Service): Record<string, string> {
  const labels: Record<string, string> = { ...service.metadata?.labels };
  delete labels[HEADLESS];
  if (isHeadless(service)) labels[HEADLESS] = "";
  labels[SERVICE_NAME] = service.metadata?.name ?? "";
  labels[MANAGED_BY] = MANAGER;
  return labels;
}

function annotationsOf(observed: ObservedService, present: Record<string, string> = {}): Record<string, string> {
  const { [LAST_CHANGE_TRIGGER_TIME]: _, ...annotations } = present;
  return observed.triggerTime === undefined
    ? annotations
    : { ...annotations, [LAST_CHANGE_TRIGGER_TIME]: observed.triggerTime };
}

function newSlice(
  observed: ObservedService,
  addressType: IpFamily,
  ports: EndpointPort[],
  endpoints: Endpoint[],
): EndpointSlice {
  const { service } = observed;
  const annotations = annotationsOf(observed);
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${service.metadata?.name}-`,
      namespace: service.metadata?.namespace,
      labels: labelsOf(service),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ownerReferences: [controllerRef(services, service)],
    },
    addressType,
    endpoints,
    ports,
  };
}
