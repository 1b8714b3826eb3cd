import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Runtime } from "./runtime.ts";

/** Whether the runtime answers and has its network, asked at intervals. */
export interface RuntimeHealth {
  /** Why the node can't run pods on account of the runtime. */
  problems(): string[];
  /** Why pods with a network of their own can't be started; undefined: they can. */
  networkProblem(): string | undefined;
  /** Asks once now. */
  check(): Promise<void>;
  start(): void;
  stop(): void;
}

const PERIOD_MS = 5000;
/** Until all is well for the first time: a node's start waits for it. */
const IMPATIENT_PERIOD_MS = 100;

export function runtimeHealth(options: {
  runtime: Runtime;
  clock: Clock;
  logger: Logger;
  /** Called when the answer is another than before. */
  onChange(): void;
}): RuntimeHealth {
  const { runtime, clock, logger } = options;
  let runtimeProblem: string | undefined = "container runtime status check may not have completed yet";
  let network: string | undefined;
  let timer: Timer | undefined;
  let wasWell = false;
  let stopped = false;

  const check = async () => {
    const before = JSON.stringify([runtimeProblem, network]);
    try {
      const { runtimeReady, networkReady } = await runtime.status();
      runtimeProblem = runtimeReady.ok
        ? undefined
        : `container runtime not ready: RuntimeReady=false reason:${runtimeReady.reason ?? ""} message:${runtimeReady.message ?? ""}`;
      network = networkReady.ok
        ? undefined
        : `container runtime network not ready: NetworkReady=false reason:${networkReady.reason ?? ""} message:${networkReady.message ?? ""}`;
    } catch (error) {
      logger.warn("the container runtime does not answer", { error });
      runtimeProblem = "container runtime is down";
    }
    if (!runtimeProblem && !network) wasWell = true;
    if (JSON.stringify([runtimeProblem, network]) !== before) options.onChange();
  };
  const loop = () => {
    void check().then(() => {
      if (!stopped) timer = clock.after(wasWell ? PERIOD_MS : IMPATIENT_PERIOD_MS, loop);
    });
  };

  return {
    problems: () => [runtimeProblem, network].filter((problem) => problem !== undefined),
    networkProblem: () => runtimeProblem ?? network,
    check,
    start: loop,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
