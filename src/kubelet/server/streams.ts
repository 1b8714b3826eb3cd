import type { Network } from "../../base/network.ts";
import type { Runtime, StreamOptions } from "../runtime.ts";
import type { PodAccess } from "./pod-access.ts";
import {
  pathParts,
  RequestError,
  type RequestTarget,
  requestTarget,
  specContainer,
  targetContainer,
  targetPod,
} from "./request-target.ts";
import { proxyUpgrade, type UpgradeRequest } from "./upgrade-proxy.ts";
import {
  CHANNELS_V5,
  offersProtocol,
  TUNNELED_PORT_FORWARD,
  translateRemoteCommand,
  tunnelPortForward,
} from "./web-socket.ts";

/** The first parts of the paths that are served by an upgraded connection. */
export const STREAM_KINDS: ReadonlySet<string> = new Set(["exec", "attach", "portForward"]);

export interface StreamsOptions {
  network: Network;
  runtime: Runtime;
  pods: PodAccess;
}

/**
 * Serves an admitted upgrade request for exec, attach or port-forward. SPDY and the older WebSocket protocols are the
 * runtime's own, and pass through untouched; the two newer WebSocket protocols, which runtimes don't speak, are put on
 * top of its SPDY. Rejects, before anything was answered, where the request is refused.
 */
export async function serveStream(options: StreamsOptions, upgrade: UpgradeRequest, url: URL): Promise<void> {
  const { network, runtime, pods } = options;
  const [kind = "", ...rest] = pathParts(url.pathname);
  if (!STREAM_KINDS.has(kind)) throw new RequestError(404, "404: Page Not Found");
  if (kind === "portForward") {
    const target = await portForwardUrl(options, requestTarget(rest, "pod"), url);
    if (offersProtocol(upgrade, TUNNELED_PORT_FORWARD)) return tunnelPortForward(network, target, upgrade);
    return proxyUpgrade(network, target, upgrade);
  }
  const target = requestTarget(rest, "container");
  const asked = streamOptions(url.searchParams);
  const pod = targetPod(pods, target);
  const id = await targetContainer(pods, pod, target.container!);
  // Whether an attached process has a terminal was settled when it was started.
  const streams =
    kind === "exec" ? asked : terminalOptions({ ...asked, tty: specContainer(pod, target.container!)?.tty ?? false });
  const command = url.searchParams.getAll("command");
  const streamUrl =
    kind === "exec" ? await runtime.execUrl(id, { ...streams, command }) : await runtime.attachUrl(id, streams);
  if (offersProtocol(upgrade, CHANNELS_V5)) return translateRemoteCommand(network, streamUrl, upgrade, streams);
  proxyUpgrade(network, streamUrl, upgrade);
}

async function portForwardUrl({ runtime, pods }: StreamsOptions, target: RequestTarget, url: URL): Promise<string> {
  // Only the old WebSocket protocol names the ports here; SPDY does with each of its streams.
  const ports = url.searchParams
    .getAll("port")
    .flatMap((list) => list.split(","))
    .map(Number);
  if (!ports.every((port) => port > 0 && port < 65536)) throw new RequestError(400, "invalid port");
  const pod = targetPod(pods, target);
  const sandbox = await pods.readySandbox(pod);
  if (!sandbox) throw new RequestError(500, `unable to forward port: pod ${target.pod} has no running sandbox`);
  return runtime.portForwardUrl(sandbox, ports);
}

/** Reads which streams are wanted. Throws a RequestError where none is. */
function streamOptions(query: URLSearchParams): StreamOptions {
  const flag = (name: string) => query.get(name) === "1" || query.get(name) === "true";
  const options = { stdin: flag("input"), stdout: flag("output"), stderr: flag("error"), tty: flag("tty") };
  if (!options.stdin && !options.stdout && !options.stderr) {
    throw new RequestError(400, "you must specify at least 1 of stdin, stdout, stderr");
  }
  return terminalOptions(options);
}

/** With a terminal both outputs are one. */
const terminalOptions = (options: StreamOptions): StreamOptions => ({
  ...options,
  stderr: options.stderr && !options.tty,
});
