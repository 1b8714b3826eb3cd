import type { Server } from "node:http";
import type { Service } from "../api/types/core.v1.ts";
import type { EndpointSlice } from "../api/types/discovery.v1.ts";
import type { Logger } from "../base/logger.ts";
import type { Network } from "../base/network.ts";

/** What a load balancer asks this node about a Service with an external Local policy: whether it has endpoints here. */
export interface HealthCheck {
  readonly port: number;
  /** Ready endpoints on this node. Those that terminate don't count: balancers are to turn away before they are gone. */
  readonly localEndpoints: number;
}

/** The health check of `service` on the node `nodeName`; undefined where it has none. */
export function healthCheckOf(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): HealthCheck | undefined {
  const { type, externalTrafficPolicy, healthCheckNodePort } = service.spec ?? {};
  if (type !== "LoadBalancer" || externalTrafficPolicy !== "Local" || !healthCheckNodePort) return undefined;
  const local = new Set<string>();
  for (const { endpoints } of slices) {
    for (const { addresses, conditions, nodeName: node } of endpoints ?? []) {
      if (node === nodeName && conditions?.ready !== false) local.add(addresses[0]!);
    }
  }
  return { port: healthCheckNodePort, localEndpoints: local.size };
}

export interface HealthCheckPorts {
  /** Makes the ports of these Services answer as given; those that have no check any more are closed. */
  update(checks: ReadonlyMap<string, HealthCheck | undefined>): void;
  /** The same, and closes the ports of all other Services. */
  replace(checks: ReadonlyMap<string, HealthCheck | undefined>): void;
  close(): void;
}

/** Serves the health check ports on all addresses, as upstream's proxy does. `healthy` tells of the proxy itself. */
export function healthCheckPorts(options: {
  network: Pick<Network, "http">;
  logger: Logger;
  healthy(): boolean;
}): HealthCheckPorts {
  const { network, logger, healthy } = options;
  const open = new Map<string, { check: HealthCheck; server: Server }>();

  const close = (key: string) => {
    const entry = open.get(key);
    open.delete(key);
    entry?.server.close();
    entry?.server.closeAllConnections();
  };
  const serve = (key: string, { port }: HealthCheck): Server => {
    const [namespace, name] = key.split("/");
    const server = network.http.createServer((_request, response) => {
      const localEndpoints = open.get(key)?.check.localEndpoints ?? 0;
      const serviceProxyHealthy = healthy();
      response.writeHead(localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "x-load-balancing-endpoint-weight": String(localEndpoints),
      });
      response.end(JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }));
    });
    server.on("error", (error) => logger.error("a health check port can't be served", { service: key, port, error }));
    server.listen(port);
    return server;
  };
  const update = (checks: ReadonlyMap<string, HealthCheck | undefined>) => {
    for (const [key, check] of checks) {
      const present = open.get(key);
      if (present && present.check.port !== check?.port) close(key);
    }
    for (const [key, check] of checks) {
      if (check) open.set(key, { check, server: open.get(key)?.server ?? serve(key, check) });
    }
  };
  return {
    update,
    replace(checks) {
      for (const key of [...open.keys()]) if (!checks.get(key)) close(key);
      update(checks);
    },
    close() {
      for (const key of [...open.keys()]) close(key);
    },
  };
}
