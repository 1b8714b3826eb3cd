import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import type { Service } from "../api/types/core.v1.ts";
import type { EndpointSlice } from "../api/types/discovery.v1.ts";
import { silentLogger } from "../base/logger.ts";
import { systemNetwork } from "../base/network.ts";
import { healthCheckOf, healthCheckPorts } from "./health-check-ports.ts";

const slice = (...endpoints: EndpointSlice["endpoints"] & object): EndpointSlice => ({
  addressType: "IPv4",
  endpoints,
});
const service = (spec: Service["spec"]): Service => ({
  spec: { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30100, ...spec },
});

test("ready endpoints of this node count", () => {
  const slices = [
    slice(
      { addresses: ["10.0.0.1"], nodeName: "here", conditions: { ready: true } },
      { addresses: ["10.0.0.2"], nodeName: "here", conditions: { ready: false, serving: true, terminating: true } },
      { addresses: ["10.0.0.3"], nodeName: "there", conditions: { ready: true } },
    ),
    slice({ addresses: ["10.0.0.1"], nodeName: "here" }),
  ];
  assert.deepEqual(healthCheckOf(service({}), slices, "here"), { port: 30100, localEndpoints: 1 });
  assert.equal(healthCheckOf(service({ externalTrafficPolicy: "Cluster" }), slices, "here"), undefined);
  assert.equal(healthCheckOf(service({ type: "NodePort" }), slices, "here"), undefined);
});

test("a port answers what is the case, and is closed with its Service", { timeout: 5000 }, async () => {
  const probe = createServer().listen(0);
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  let healthy = true;
  const ports = healthCheckPorts({ network: systemNetwork, logger: silentLogger, healthy: () => healthy });
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } }).catch(
      () => undefined,
    );
    return (
      response && [response.status, response.headers.get("x-load-balancing-endpoint-weight"), await response.json()]
    );
  };
  ports.update(new Map([["shop/web", { port, localEndpoints: 2 }]]));
  while ((await ask()) === undefined);
  const answer = (localEndpoints: number, serviceProxyHealthy = true) => ({
    service: { namespace: "shop", name: "web" },
    localEndpoints,
    serviceProxyHealthy,
  });
  assert.deepEqual(await ask(), [200, "2", answer(2)]);
  healthy = false;
  assert.deepEqual(await ask(), [503, "2", answer(2, false)]);
  healthy = true;
  ports.update(new Map([["shop/web", { port, localEndpoints: 0 }]]));
  assert.deepEqual(await ask(), [503, "0", answer(0)]);
  ports.replace(new Map());
  while ((await ask()) !== undefined);
  ports.close();
});
