import type { LifecycleHandler, Pod } from "../../api/types/core.v1.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import type { Network } from "../../base/network.ts";
import { unlessAborted } from "../pod/abort.ts";
import { type AnyContainer, describePod } from "../pod/pod.ts";
import { httpGet, httpUrl } from "../probes/http-get.ts";
import { portNumber } from "../probes/ports.ts";
import type { Runtime } from "../runtime.ts";

/** Runs postStart and preStop handlers. See https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/. */
export interface HookRunner {
  /** Rejects where the hook failed or took longer than `timeoutMs`, or when `signal` is aborted. */
  run(target: HookTarget, handler: LifecycleHandler, timeoutMs: number, signal?: AbortSignal): Promise<void>;
}

export interface HookTarget {
  pod: Pod;
  container: AnyContainer;
  containerId: string;
  podIp: string;
}

const USER_AGENT = "kube-lifecycle/1.36";

export function hookRunner(options: { runtime: Runtime; clock: Clock; network: Network }): HookRunner {
  const { runtime, clock, network } = options;

  const carryOut = async (
    { container, containerId, podIp }: HookTarget,
    handler: LifecycleHandler,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    if (handler.exec) {
      const command = handler.exec.command ?? [];
      const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, timeoutMs);
      if (exitCode === 0) return;
      const output = Buffer.concat([stdout, stderr]).toString();
      throw new Error(`command '${command.join(" ")}' exited with ${exitCode}: ${output}`);
    }
    if (handler.httpGet) {
      // Whatever the answer's status: the hook was heard.
      const url = httpUrl(handler.httpGet, podIp, portNumber(handler.httpGet.port, container));
      await httpGet(url, handler.httpGet, { network, clock, timeoutMs, userAgent: USER_AGENT });
      return;
    }
    if (handler.sleep) return sleep(clock, Math.min(handler.sleep.seconds * 1000, timeoutMs), signal);
    // The API has tcpSocket here for old objects' sake; it never did anything.
    throw new Error(`invalid handler: ${JSON.stringify(handler)}`);
  };

  return {
    async run(target, handler, timeoutMs, signal) {
      try {
        const work = carryOut(target, handler, timeoutMs, signal);
        await (signal ? unlessAborted(work, signal) : work);
      } catch (error) {
        if (signal?.aborted) throw error;
        const kind = handler.exec ? "Exec" : handler.httpGet ? "HTTP" : handler.sleep ? "Sleep" : "Unknown";
        const what = handler.exec ? `[${(handler.exec.command ?? []).join(" ")}]` : (handler.httpGet?.path ?? "");
        throw new Error(
          `${kind} lifecycle hook (${what}) for Container "${target.container.name}" in Pod "${describePod(target.pod)}" failed - error: ${(error as Error).message}`,
          { cause: error },
        );
      }
    },
  };
}
