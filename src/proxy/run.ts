import type { FlagValues } from "../base/flags.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import { informerFactory } from "../client/informer-factory.ts";
import type { ProxyBackend } from "./backend.ts";
import { healthCheckPorts } from "./health-check-ports.ts";
import type { proxyFlags } from "./options.ts";
import { type ServiceProxy, startProxy } from "./proxy.ts";

export interface RunProxyOptions extends Pick<Machine, "clock" | "random" | "network"> {
  client: Client;
  logger: Logger;
  backend: ProxyBackend;
  nodeName: string;
  flags: Pick<FlagValues<typeof proxyFlags>, "nftables-min-sync-period" | "healthz-bind-address">;
}

/** The proxy is unhealthy when changes have waited for this long without being applied. */
const STALE_MS = 60_000;

/** Proxies until `signal` is aborted; the rules stay in place then. */
export async function runProxy(options: RunProxyOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random, network, logger, backend, nodeName, flags } = options;
  const informers = informerFactory({ client, clock, random, logger });
  const healthChecks = healthCheckPorts({ network, logger, healthy: () => isHealthy(proxy, clock.now()) });
  const minSyncPeriodMs = flags["nftables-min-sync-period"];
  const proxy = startProxy(
    { informers, backend, clock, logger, nodeName, healthChecks, minSyncPeriodMs },
    informers.synced(signal),
  );
  informers.start();
  const health = await serveHealth(options, proxy);
  try {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    await health?.();
    healthChecks.close();
    await proxy.stop();
    await informers.stop();
  }
}

const isHealthy = ({ lastSync, pending }: ServiceProxy, now: number) =>
  lastSync !== undefined && (pending === 0 || now - lastSync < STALE_MS);

/** `/healthz` and `/livez`, as load balancers and probes ask them; undefined where they are switched off. */
async function serveHealth(
  { network, clock, logger, flags }: RunProxyOptions,
  proxy: ServiceProxy,
): Promise<(() => Promise<void>) | undefined> {
  const address = flags["healthz-bind-address"];
  if (address === "") return undefined;
  const separator = address.lastIndexOf(":");
  const server = network.http.createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (path !== "/healthz" && path !== "/livez") {
      response.writeHead(404).end();
      return;
    }
    const now = clock.now();
    const healthy = isHealthy(proxy, now);
    response.writeHead(healthy ? 200 : 503, {
      "content-type": "application/json",
      "x-content-type-options": "nosniff",
    });
    const time = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
    response.end(JSON.stringify({ lastUpdated: time(proxy.lastSync), currentTime: time(now), nodeEligible: true }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(address.slice(separator + 1)), address.slice(0, separator) || undefined, resolve);
  });
  server.on("error", (error) => logger.error("the health server failed", { error }));
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}
