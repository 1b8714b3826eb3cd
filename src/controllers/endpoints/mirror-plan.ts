import { controllerRef } from "../../api/controller-ref.ts";
import { semanticEqual } from "../../api/json-equal.ts";
import { endpoints as endpointsType } from "../../api/resource-types.ts";
import type { EndpointAddress, Endpoints } from "../../api/types/core.v1.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "../../api/types/discovery.v1.ts";
import { familyOf, type IpFamily } from "./backends.ts";
import { MANAGED_BY, SERVICE_NAME, type SlicePlan } from "./slice-plan.ts";
import { LAST_CHANGE_TRIGGER_TIME } from "./trigger-times.ts";

export const MIRROR_MANAGER = "endpointslicemirroring-controller.k8s.io";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

export interface ObservedEndpoints {
  endpoints: Endpoints;
  /** The slices that mirror it. */
  slices: readonly EndpointSlice[];
  /** No more addresses of one subset than this are mirrored: a subset becomes one slice per address family. */
  maxPerSubset: number;
}

export interface MirrorPlan extends SlicePlan {
  /** Addresses left out because their subset has too many. */
  skipped: number;
}

interface Group {
  readonly family: IpFamily;
  readonly ports: EndpointPort[];
  readonly endpoints: Endpoint[];
}

/**
 * The slices that say what an Endpoints object says. A slice whose ports are no longer wanted takes over the content of
 * one that is new, so that the Service never stands without endpoints between a deletion and a creation.
 */
export function planMirror({ endpoints, slices, maxPerSubset }: ObservedEndpoints): MirrorPlan {
  const { groups, skipped } = groupsOf(endpoints, maxPerSubset);
  const plan: MirrorPlan = { create: [], update: [], remove: [], skipped };
  const missing: EndpointSlice[] = [];
  const unused = Map.groupBy(slices, (slice) => keyOf(slice.addressType as IpFamily, slice.ports ?? []));
  for (const [key, group] of groups) {
    const present = unused.get(key)?.shift();
    const wanted = sliceOf(endpoints, group);
    if (!present) missing.push(wanted);
    else if (!sameContent(present, wanted)) plan.update.push(replaced(present, wanted));
  }
  const spare = [...unused.values()].flat();
  for (const wanted of missing) {
    const at = spare.findIndex((slice) => slice.addressType === wanted.addressType);
    const [recycled] = at < 0 ? [] : spare.splice(at, 1);
    if (recycled) plan.update.push(replaced(recycled, wanted));
    else plan.create.push(wanted);
  }
  plan.remove.push(...spare);
  return plan;
}

function groupsOf(endpoints: Endpoints, maxPerSubset: number): { groups: Map<string, Group>; skipped: number } {
  const groups = new Map<string, Group>();
  let skipped = 0;
  for (const { addresses = [], notReadyAddresses = [], ports: declared = [] } of endpoints.subsets ?? []) {
    const ports = declared.map(
      ({ name = "", port, protocol = "TCP", appProtocol }): EndpointPort => ({
        name,
        port,
        protocol,
        ...(appProtocol === undefined ? {} : { appProtocol }),
      }),
    );
    const all = [
      ...addresses.map((address) => endpointOf(address, true)),
      ...notReadyAddresses.map((address) => endpointOf(address, false)),
    ];
    skipped += Math.max(0, all.length - maxPerSubset);
    for (const endpoint of all.slice(0, maxPerSubset)) {
      const family = familyOf(endpoint.addresses[0]!);
      const key = keyOf(family, ports);
      const group = groups.get(key) ?? { family, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpoint);
    }
  }
  return { groups, skipped };
}

const endpointOf = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(hostname ? { hostname } : {}),
  ...(nodeName ? { nodeName } : {}),
  ...(targetRef ? { targetRef } : {}),
});

/** Slices are told apart by family and ports; the order of the ports means nothing. */
const keyOf = (family: IpFamily, ports: readonly EndpointPort[]): string =>
  JSON.stringify([
    family,
    ...ports
      .map(({ name, port, protocol, appProtocol }) => [name ?? "", port, protocol, appProtocol])
      .map(String)
      .sort(),
  ]);

function sliceOf(endpoints: Endpoints, { family, ports, endpoints: members }: Group): EndpointSlice {
  const { name = "", namespace, labels } = endpoints.metadata ?? {};
  const { [LAST_CHANGE_TRIGGER_TIME]: _, [LAST_APPLIED]: __, ...annotations } = endpoints.metadata?.annotations ?? {};
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MIRROR_MANAGER },
      annotations,
      ownerReferences: [controllerRef(endpointsType, endpoints)],
    },
    addressType: family,
    endpoints: members,
    ports,
  };
}

function replaced(present: EndpointSlice, wanted: EndpointSlice): EndpointSlice {
  const { labels, annotations, ownerReferences } = wanted.metadata!;
  return { ...wanted, metadata: { ...present.metadata, labels, annotations, ownerReferences } };
}

/** The ports are the same already, but for their order. */
function sameContent(present: EndpointSlice, wanted: EndpointSlice): boolean {
  const shown = ({ metadata, endpoints = [] }: EndpointSlice) => [
    metadata?.labels,
    metadata?.annotations ?? {},
    metadata?.ownerReferences,
    endpoints
      .map((endpoint) =>
        JSON.stringify([
          endpoint.addresses,
          endpoint.conditions?.ready,
          endpoint.hostname,
          endpoint.nodeName,
          endpoint.targetRef?.uid,
          endpoint.targetRef?.name,
        ]),
      )
      .sort(),
  ];
  return semanticEqual(shown(present), shown(wanted));
}
