import { type Clock, deadline } from "../../base/clock.ts";
import type { Network } from "../../base/network.ts";
import { describeDial } from "./http-get.ts";
import type { ProbeOutcome } from "./probe-result.ts";

/** A tcpSocket probe: success where a connection can be opened. */
export async function probeTcp(
  host: string,
  port: number,
  options: { network: Network; clock: Clock; timeoutMs: number },
): Promise<ProbeOutcome> {
  const limit = deadline(options.clock, options.timeoutMs);
  try {
    await connect(host, port, options.network, limit.signal);
    return { result: "success", output: "" };
  } catch (error) {
    const address = host.includes(":") ? `[${host}]` : host;
    const output = limit.signal.aborted
      ? `dial tcp ${address}:${port}: i/o timeout`
      : (describeDial(error as NodeJS.ErrnoException) ?? (error as Error).message);
    return { result: "failure", output };
  } finally {
    limit.dispose();
  }
}

function connect(host: string, port: number, network: Network, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = network.net.connect({ host, port });
    const finish = (settle: () => void) => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = () => finish(() => reject(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => finish(resolve));
    socket.once("error", (error) => finish(() => reject(error)));
  });
}
