import { pods } from "../api/resource-types.ts";
import type { ControllerBench } from "./controller-bench.fixture.ts";
import { nodeOf } from "./daemon-set/daemon-pod.ts";

/**
 * What the scheduler and the kubelets would do: pods get a node and become ready (unless `broken` says that they never
 * will), and those being deleted go away. Returns whether there was anything to do.
 */
export function playNodes(bench: ControllerBench, broken: (image: string) => boolean = () => false): boolean {
  let busy = false;
  for (const pod of bench.fake.all(pods)) {
    const { name = "", namespace } = pod.metadata ?? {};
    if (pod.metadata?.deletionTimestamp) {
      bench.fake.remove(pods, name, namespace);
      busy = true;
    } else if (pod.status?.phase === undefined) {
      const ok = !broken(pod.spec?.containers[0]?.image ?? "");
      const lastTransitionTime = new Date(bench.clock.now()).toISOString();
      bench.fake.put(pods, {
        ...pod,
        spec: { ...pod.spec!, nodeName: nodeOf(pod) ?? "node-1" },
        status: {
          phase: "Running",
          conditions: [{ type: "Ready", status: ok ? "True" : "False", lastTransitionTime }],
        },
      });
      busy = true;
    }
  }
  return busy;
}

/** Lets controllers and nodes work until both have nothing left to do. */
export async function rollOut(bench: ControllerBench, broken?: (image: string) => boolean): Promise<void> {
  for (let round = 0; round < 200; round++) {
    await bench.settle();
    if (!playNodes(bench, broken)) return;
  }
  throw new Error("the rollout does not come to an end");
}
