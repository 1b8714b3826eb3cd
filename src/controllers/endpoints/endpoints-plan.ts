import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from "../../api/types/core.v1.ts";
import {
  addressOfFamily,
  type BackendPort,
  backendOf,
  familiesOf,
  hasEndpoint,
  hostnameOf,
  isHeadless,
  portsOf,
  targetRefOf,
} from "./backends.ts";
import { HEADLESS } from "./slice-plan.ts";
import { LAST_CHANGE_TRIGGER_TIME } from "./trigger-times.ts";

export const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
export const MANAGER = "endpoint-controller";
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";
/** More addresses than this are cut off. */
const CAPACITY = 1000;

/** The Endpoints object of a Service with these pods. `present` is what is there, for its other annotations. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  present: Endpoints | undefined,
  triggerTime: string | undefined,
): Endpoints {
  const { subsets, truncated } = truncate(subsetsOf(service, pods));
  const { [LAST_CHANGE_TRIGGER_TIME]: _, [OVER_CAPACITY]: __, ...annotations } = present?.metadata?.annotations ?? {};
  if (triggerTime !== undefined) annotations[LAST_CHANGE_TRIGGER_TIME] = triggerTime;
  if (truncated) annotations[OVER_CAPACITY] = "truncated";
  const labels: Record<string, string> = { ...service.metadata?.labels, [MANAGED_BY]: MANAGER };
  delete labels[HEADLESS];
  if (isHeadless(service)) labels[HEADLESS] = "";
  const { name, namespace } = service.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { ...(present?.metadata ?? { name, namespace }), labels, annotations },
    subsets,
  };
}

interface Member {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

/** Addresses with the same ports together: in one subset those that have the same set of ports. */
function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const family = familiesOf(service)[0]!;
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  const groups = new Map<string, { ports: BackendPort[]; members: Member[] }>();
  const sorted = [...pods].sort((a, b) => ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1));
  for (const pod of sorted) {
    const ip = addressOfFamily(pod, family);
    const { ready, serving, terminating } = backendOf(service, pod);
    if (ip === undefined || !hasEndpoint(pod) || (terminating && !publishAll)) continue;
    const ports = portsOf(service, pod);
    if (ports.length === 0 && (service.spec?.ports?.length || service.spec?.clusterIP !== "None")) continue;
    const hostname = hostnameOf(service, pod);
    const address: EndpointAddress = {
      ip,
      ...(hostname ? { hostname } : {}),
      ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
      targetRef: targetRefOf(pod),
    };
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, members: [] };
    group.members.push({ address, ready: ready || serving });
    groups.set(key, group);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, members }]) => {
      const addresses = members.filter(({ ready }) => ready).map(({ address }) => address);
      const notReady = members.filter(({ ready }) => !ready).map(({ address }) => address);
      return {
        ...(addresses.length > 0 ? { addresses: byIp(addresses) } : {}),
        ...(notReady.length > 0 ? { notReadyAddresses: byIp(notReady) } : {}),
        ...(ports.length > 0 ? { ports: ports.map(withoutEmptyName) } : {}),
      };
    });
}

const byIp = (addresses: EndpointAddress[]) => addresses.sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0));

const withoutEmptyName = ({ name, ...port }: BackendPort) => (name === "" ? port : { name, ...port });

/** Leaves out what is too much: unready addresses first, from the back. */
function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const count = (field: "addresses" | "notReadyAddresses") =>
    subsets.reduce((sum, subset) => sum + (subset[field]?.length ?? 0), 0);
  const [ready, notReady] = [count("addresses"), count("notReadyAddresses")];
  if (ready + notReady <= CAPACITY) return { subsets, truncated: false };
  let readyLeft = Math.min(ready, CAPACITY);
  let notReadyLeft = CAPACITY - readyLeft;
  const cut: EndpointSubset[] = [];
  for (const { ports, addresses = [], notReadyAddresses = [] } of subsets) {
    const some = addresses.slice(0, readyLeft);
    const others = notReadyAddresses.slice(0, notReadyLeft);
    readyLeft -= some.length;
    notReadyLeft -= others.length;
    if (some.length + others.length === 0) continue;
    cut.push({
      ...(some.length > 0 ? { addresses: some } : {}),
      ...(others.length > 0 ? { notReadyAddresses: others } : {}),
      ...(ports ? { ports } : {}),
    });
  }
  return { subsets: cut, truncated: true };
}
