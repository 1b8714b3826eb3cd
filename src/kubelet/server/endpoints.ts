import type { IncomingMessage, ServerResponse } from "node:http";
import { METRICS_CONTENT_TYPE } from "../../base/metrics.ts";
import { RuntimeError } from "../runtime.ts";
import { loggedContainer, logQuery } from "./container-logs.ts";
import { readLogFile } from "./log-file.ts";
import {
  pathParts,
  RequestError,
  type RequestTarget,
  requestTarget,
  specContainer,
  targetContainer,
  targetPod,
} from "./request-target.ts";
import type { KubeletServerOptions } from "./server.ts";
import { STREAM_KINDS } from "./streams.ts";
import { summary } from "./summary.ts";
import { usageMeter } from "./usage.ts";
import { cadvisorMetrics, resourceMetrics } from "./usage-metrics.ts";

const TEXT = "text/plain; charset=utf-8";
const LOG_PATH = "containerLogs";

/** Answers one admitted request that asks for no upgrade. Rejects with a RequestError where it is refused. */
export type Endpoints = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

export function endpoints(options: KubeletServerOptions): Endpoints {
  const { pods, runtime } = options;
  const usage = usageMeter(options);

  /** What is answered to a plain GET; undefined where the path is not known. */
  const document = async (path: string): Promise<{ type?: string; body: string } | undefined> => {
    const json = (body: unknown) => ({ type: "application/json", body: JSON.stringify(body) });
    const metrics = (body: string) => ({ type: METRICS_CONTENT_TYPE, body });
    switch (path) {
      case "/healthz":
      case "/healthz/syncloop": {
        const problem = options.unhealthy?.();
        if (problem) throw new RequestError(500, problem);
        return { body: "ok" };
      }
      case "/healthz/ping":
        return { body: "ok" };
      case "/pods":
        return json({ kind: "PodList", apiVersion: "v1", metadata: {}, items: pods.pods() });
      case "/configz":
        return options.configuration && json({ kubeletconfig: options.configuration() });
      case "/metrics":
        return metrics(options.metrics.render());
      case "/metrics/resource":
        return metrics(resourceMetrics(await usage.measure()));
      case "/metrics/cadvisor":
        return metrics(cadvisorMetrics(await usage.measure()));
      case "/stats/summary":
        return json(summary(await usage.measure(), options.nodeName));
      default:
        return undefined;
    }
  };

  /** Runs a command to its end; what it printed is the answer. */
  const run = async (target: RequestTarget, url: URL, response: ServerResponse) => {
    const id = await targetContainer(pods, targetPod(pods, target), target.container!);
    const command = (url.searchParams.get("cmd") ?? "").split(" ");
    const { exitCode, stdout, stderr } = await runtime.execSync(id, command, 0);
    if (exitCode !== 0)
      throw new RequestError(500, `command '${command.join(" ")}' exited with ${exitCode}: ${stderr}`);
    response.writeHead(200, { "content-type": TEXT }).end(Buffer.concat([stdout, stderr]));
  };

  return async (request, response, url) => {
    const [kind = "", ...rest] = pathParts(url.pathname);
    if (kind === "run" && request.method === "POST") return run(requestTarget(rest, "container"), url, response);
    if (STREAM_KINDS.has(kind)) throw new RequestError(400, "Upgrade request required");
    if (request.method !== "GET" && request.method !== "HEAD") throw new RequestError(405, "405: Method Not Allowed");
    if (kind === LOG_PATH) return containerLogs(options, requestTarget(rest, "container"), url, response);
    const found = await document(url.pathname.replace(/\/$/, ""));
    if (!found) throw new RequestError(404, "404: Page Not Found");
    response.writeHead(200, { "content-type": found.type ?? TEXT }).end(found.body);
  };
}

async function containerLogs(
  { pods, runtime, files, clock }: KubeletServerOptions,
  target: RequestTarget,
  url: URL,
  response: ServerResponse,
): Promise<void> {
  const { previous, ...selection } = logQuery(url.searchParams, clock.now());
  const pod = targetPod(pods, target, `pod "${target.pod}" does not exist`);
  const container = target.container!;
  if (!specContainer(pod, container)) {
    throw new RequestError(404, `container "${container}" not found in pod "${target.pod}"`);
  }
  const containerId = loggedContainer(target.pod, pod.status, container, previous);
  const id = containerId.slice(containerId.indexOf("://") + 3);
  const status = await runtime.containerStatus(id);
  if (!status?.logPath || !(await files.exists(status.logPath))) {
    throw new RequestError(400, `unable to retrieve container logs for ${containerId}`);
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.writeHead(200, { "content-type": TEXT });
  response.flushHeaders();
  const chunks = readLogFile({
    ...selection,
    files,
    clock,
    path: status.logPath,
    signal: gone.signal,
    isRunning: async () => {
      try {
        return (await runtime.containerStatus(id))?.state === "running";
      } catch (error) {
        // While the runtime is away the container may well run on.
        if (error instanceof RuntimeError && error.code === "unavailable") return true;
        throw error;
      }
    },
    onRuntimeChange: (callback) => runtime.subscribe((changed) => (changed === id || changed === "") && callback()),
  });
  for await (const chunk of chunks) if (!response.write(chunk)) await drained(response);
  response.end();
}

/** Resolves when a response can be written again, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off("drain", settle).off("close", settle);
      resolve();
    };
    if (response.destroyed) return resolve();
    response.once("drain", settle).once("close", settle);
  });
}
