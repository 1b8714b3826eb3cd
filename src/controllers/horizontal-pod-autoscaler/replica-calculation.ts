import { isReady } from "../pod-state.ts";
import type { PodMetrics, ReplicaBasis, ReplicaProposal, Tolerances } from "./metric-values.ts";
import { groupPods, requestsOf } from "./pod-groups.ts";

/**
 * The replicas that bring a metric to its target: as many times more as the usage is above it. See
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details.
 */

const MAX_REPLICAS = 2 ** 31 - 1;
const NO_PODS = "no pods returned by selector while calculating replica count";

/** What the pods use together. */
interface Usage {
  /** Of the target; 1 is right at it. */
  readonly ratio: number;
  /** Per pod, in thousandths. */
  readonly average: number;
  /** Percent of what is requested. */
  readonly utilization?: number;
}

/** For a share, in percent, of what the pods (or the containers named `container`) request. Throws where it can't be said. */
export function utilizationReplicas(
  basis: ReplicaBasis,
  metrics: PodMetrics,
  target: { percent: number; resource: string; container?: string },
): ReplicaProposal {
  let requests: ReadonlyMap<string, number> | undefined;
  return perPodReplicas(basis, metrics, {
    resource: target.resource,
    usage(values) {
      requests ??= requestsOf(basis.pods, target.resource, target.container);
      let used = 0;
      let requested = 0;
      for (const [name, value] of values) {
        const request = requests.get(name);
        if (request === undefined) continue;
        used += value;
        requested += request;
      }
      if (requested === 0) throw new Error("no metrics returned matched known pods");
      const utilization = Math.trunc((used * 100) / requested);
      return { ratio: utilization / target.percent, utilization, average: Math.trunc(used / values.size) };
    },
    // A target above what is requested would be undercut by pods that count as using what they request.
    atTarget: (name) => Math.trunc(((requests?.get(name) ?? 0) * Math.max(100, target.percent)) / 100),
  });
}

/** For an average of `target` thousandths per pod. `resource`: the metric is the use of it. Throws where it can't be said. */
export function averageReplicas(
  basis: ReplicaBasis,
  metrics: PodMetrics,
  target: number,
  resource?: string,
): ReplicaProposal {
  return perPodReplicas(basis, metrics, {
    resource,
    usage(values) {
      const average = Math.trunc([...values.values()].reduce((sum, value) => sum + value, 0) / values.size);
      return { ratio: average / target, average };
    },
    atTarget: () => target,
  });
}

/** For one value that stands for all pods together: `value` and `target` in thousandths. */
export function valueReplicas(basis: ReplicaBasis, value: number, target: number): ReplicaProposal {
  const ratio = value / target;
  if (basis.current === 0) return { replicas: wholeReplicas(ratio), value };
  if (isWithin(basis.tolerances, ratio)) return { replicas: basis.current, value };
  if (basis.pods.length === 0) throw new Error(`unable to calculate ready pods: ${NO_PODS}`);
  const ready = basis.pods.filter((pod) => pod.status?.phase === "Running" && isReady(pod)).length;
  return { replicas: wholeReplicas(ratio * ready), value };
}

/** For one value of which each pod shall have `target` thousandths. */
export function sharedValueReplicas(basis: ReplicaBasis, value: number, target: number): ReplicaProposal {
  const { existing, tolerances } = basis;
  const within = existing > 0 && isWithin(tolerances, value / (target * existing));
  return {
    replicas: within ? existing : wholeReplicas(value / target),
    // Nobody to share it yet: it is all there is.
    value: existing > 0 ? Math.ceil(value / existing) : value,
  };
}

function perPodReplicas(
  basis: ReplicaBasis,
  metrics: PodMetrics,
  how: {
    resource: string | undefined;
    usage(values: ReadonlyMap<string, number>): Usage;
    atTarget(name: string): number;
  },
): ReplicaProposal {
  const { current, tolerances } = basis;
  if (basis.pods.length === 0) throw new Error(NO_PODS);
  const { ready, unready, missing, ignored } = groupPods(basis, metrics, how.resource);
  const values = new Map<string, number>();
  for (const [name, { value }] of metrics) if (!ignored.has(name) && !unready.has(name)) values.set(name, value);
  if (values.size === 0) throw new Error("did not receive metrics for targeted pods (pods might be unready)");

  const { ratio, average, utilization } = how.usage(values);
  const proposal = (replicas: number): ReplicaProposal => ({
    replicas,
    value: average,
    ...(utilization === undefined ? {} : { utilization }),
  });
  const idle = unready.size > 0 && ratio > 1 ? unready : new Set<string>();
  if (idle.size === 0 && missing.size === 0) {
    return proposal(isWithin(tolerances, ratio) ? current : wholeReplicas(ratio * ready));
  }
  // What is not known is taken to speak against the change.
  if (ratio < 1) for (const name of missing) values.set(name, how.atTarget(name));
  else if (ratio > 1) for (const name of missing) values.set(name, 0);
  for (const name of idle) values.set(name, 0);
  const careful = how.usage(values).ratio;
  const turned = (ratio < 1 && careful > 1) || (ratio > 1 && careful < 1);
  if (turned || isWithin(tolerances, careful)) return proposal(current);
  const replicas = wholeReplicas(careful * values.size);
  const against = (careful < 1 && replicas > current) || (careful > 1 && replicas < current);
  return proposal(against ? current : replicas);
}

const isWithin = ({ scaleDown, scaleUp }: Tolerances, ratio: number): boolean =>
  1 - scaleDown <= ratio && ratio <= 1 + scaleUp;

const wholeReplicas = (exact: number): number => Math.min(MAX_REPLICAS, Math.ceil(exact));
