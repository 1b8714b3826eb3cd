import { homedir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { type Logger, lineLogger } from "../base/logger.ts";
import { systemMachine } from "../base/machine.ts";
import type { Random } from "../base/random.ts";
import { client as apiClient } from "../client/api-client.ts";
import type { Client } from "../client/client.ts";
import { httpsTransport } from "../client/https-transport.ts";
import { kubeconfigTransport } from "../client/kubeconfig.ts";
import type { Transport } from "../client/transport.ts";

export interface ConnectOptions {
  /** Default: the first of $KUBECONFIG, else ~/.kube/config; in a pod without either, its ServiceAccount. */
  kubeconfig?: string;
  /** Default: the current one. */
  context?: string;
  /** Sent as User-Agent. Default: knarr-controller. */
  userAgent?: string;
  environment?: Readonly<Record<string, string | undefined>>;
}

/** A client of a cluster, and what else a manager needs on this machine. */
export interface Connection {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  /** Writes lines to standard error. */
  readonly logger: Logger;
  close(): Promise<void>;
}

/** Where a pod finds its ServiceAccount (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/). */
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Connects to a cluster. Rejects with a KubeconfigError, or where there is nothing to connect by. */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const { environment = process.env, userAgent = "knarr-controller" } = options;
  const machine = systemMachine({ keepAlive: true });
  const { clock, random } = machine;
  const logger = lineLogger({
    clock,
    component: userAgent,
    level: "info",
    write: (line) => void process.stderr.write(line),
  });
  const named = options.kubeconfig ?? environment.KUBECONFIG?.split(":").find((path) => path !== "");
  const path = named ?? join(environment.HOME ?? homedir(), ".kube", "config");
  let transport: Transport;
  let headers: Record<string, string> = {};
  if (named !== undefined || (await machine.files.exists(path))) {
    const found = await kubeconfigTransport(path, machine, options.context ? { context: options.context } : {});
    transport = found.transport;
    headers = found.context.headers;
  } else {
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
    if (!host || !port) {
      throw new Error(`there is neither ${path} nor a ServiceAccount: set KUBECONFIG to the kubeconfig of a cluster`);
    }
    transport = httpsTransport({
      ...machine,
      server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
      ca: await machine.files.readFile(join(ACCOUNT, "ca.crt")),
      tokenFile: join(ACCOUNT, "token"),
    });
  }
  return {
    client: apiClient(transport, { userAgent, clock, headers }),
    clock,
    random,
    logger,
    close: () => transport.close(),
  };
}
