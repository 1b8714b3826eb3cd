import type { FlagValues } from "../base/flags.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import { informerFactory } from "../client/informer-factory.ts";
import type { ProxyBackend } from "./backend.ts";
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
  const { client, clock, random, logger, backend, nodeName, flags } = options;
  const informers = informerFactory({ client, clock, random, logger });
  const proxy = startProxy(
    { informers, backend, clock, logger, nodeName, minSyncPeriodMs: flags["nftables-min-sync-period"] },
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
    await proxy.stop();
    await informers.stop();
  }
}

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
    const healthy = proxy.lastSync !== undefined && (proxy.pending === 0 || now - proxy.lastSync < STALE_MS);
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
