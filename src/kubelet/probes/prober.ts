import type { Pod, Probe } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Network } from "../../base/network.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { expand } from "../containers/expansion.ts";
import { type AnyContainer, containerReference } from "../pod/pod.ts";
import type { Runtime } from "../runtime.ts";
import { probeExec } from "./exec-command.ts";
import { httpUrl, probeHttp } from "./http-get.ts";
import { portNumber } from "./ports.ts";
import { ProbeError, type ProbeOutcome } from "./probe-result.ts";
import { probeTcp } from "./tcp-socket.ts";

export type ProbeKind = "liveness" | "readiness" | "startup";

/** Sent as User-Agent, as upstream's probes do, so that servers can tell them from users. */
export const PROBE_USER_AGENT = "kube-probe/1.36";
/** A probe that can't be carried out is tried so often before that is reported. */
const TRIES = 3;

export interface ProbeTarget {
  pod: Pod;
  container: AnyContainer;
  containerId: string;
  podIp: string;
}

export interface Prober {
  /** Runs the probe once and records its failure as an event. Undefined where it could not be carried out. */
  run(kind: ProbeKind, probe: Probe, target: ProbeTarget): Promise<boolean | undefined>;
}

export interface ProberOptions {
  runtime: Runtime;
  clock: Clock;
  network: Network;
  events: EventRecorder;
}

export function prober(options: ProberOptions): Prober {
  const { clock, network, runtime, events } = options;

  const once = async (probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> => {
    const { container, podIp } = target;
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    const userAgent = PROBE_USER_AGENT;
    if (probe.exec) {
      const values = new Map((container.env ?? []).map(({ name, value }) => [name, value]));
      const command = (probe.exec.command ?? []).map((part) => expand(part, (name) => values.get(name)));
      return probeExec(runtime, target.containerId, command, timeoutMs);
    }
    if (probe.httpGet) {
      const url = httpUrl(probe.httpGet, podIp, portNumber(probe.httpGet.port, container));
      return probeHttp(url, probe.httpGet, { network, clock, timeoutMs, userAgent });
    }
    if (probe.tcpSocket) {
      const port = portNumber(probe.tcpSocket.port, container);
      return probeTcp(probe.tcpSocket.host || podIp, port, { network, clock, timeoutMs });
    }
    if (probe.grpc) {
      // Loaded on first use: few pods have such a probe, and gRPC is not light.
      const { probeGrpc } = await import("./grpc-health.ts");
      return probeGrpc(podIp, probe.grpc.port, probe.grpc.service ?? "", { timeoutMs, userAgent });
    }
    throw new ProbeError(`missing probe handler for ${container.name}`);
  };

  return {
    async run(kind, probe, target) {
      const about = containerReference(target.pod, target.container.name);
      const title = `${kind[0]!.toUpperCase()}${kind.slice(1)} probe`;
      let failure: Error | undefined;
      for (let attempt = 0; attempt < TRIES; attempt++) {
        try {
          const { result, output } = await once(probe, target);
          if (result === "failure") events.event(about, "Warning", "Unhealthy", `${title} failed: ${output}`);
          if (result === "warning") events.event(about, "Warning", "ProbeWarning", `${title} warning: ${output}`);
          return result !== "failure";
        } catch (error) {
          failure = error as Error;
        }
      }
      events.event(
        about,
        "Warning",
        "Unhealthy",
        `${title} errored and resulted in unknown state: ${failure?.message ?? ""}`,
      );
      return undefined;
    },
  };
}
