import type { KubeObject, ResourceType } from "../../src/api/object.ts";
import { adminClient, SIGNING_KEY, testServer } from "../../src/apiserver/server.fixture.ts";
import type { ApiServer } from "../../src/apiserver/server.ts";
import { systemClock } from "../../src/base/clock.ts";
import { type LogFields, type Logger, silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { client } from "../../src/client/api-client.ts";
import type { Client } from "../../src/client/client.ts";
import { type ControllerManagerOptions, startControllerManager } from "../../src/controllers/manager.ts";

export interface SimulatedCluster {
  readonly server: ApiServer;
  /** As cluster administrator. */
  readonly admin: Client;
  /** What the controllers complained about so far. */
  readonly complaints: readonly string[];
}

/** An API server and the controllers, in this process, each controller with the rights of its own ServiceAccount. */
export async function withCluster(
  options: Pick<Partial<ControllerManagerOptions>, "controllers" | "settings">,
  run: (cluster: SimulatedCluster) => Promise<void>,
): Promise<void> {
  const complaints: string[] = [];
  const complain = (message: string, fields: LogFields = {}) => {
    complaints.push(`${message} ${Object.values(fields).map(String).join(" ")}`);
  };
  const logger: Logger = { ...silentLogger, warn: complain, error: complain, with: () => logger };
  const server = testServer();
  const admin = adminClient(server);
  const as = (name: string, ...groups: string[]) =>
    client(server.transport({ name, groups: [...groups, "system:authenticated"] }), { userAgent: name });
  await server.ready;
  const manager = startControllerManager({
    client: as("system:kube-controller-manager"),
    clientFor: (account) =>
      as(
        `system:serviceaccount:kube-system:${account}`,
        "system:serviceaccounts",
        "system:serviceaccounts:kube-system",
      ),
    clock: systemClock({ keepAlive: true }),
    random: systemRandom(),
    logger,
    ...options,
    settings: { serviceAccountPrivateKey: SIGNING_KEY.toString(), ...options.settings },
  });
  try {
    await manager.started;
    await run({ server, admin, complaints });
  } finally {
    await manager.stop();
    await server.close();
  }
}

/** Waits until `check` holds for an object, by watching it. Rejects after ten seconds with what was seen last. */
export async function waitFor<T extends KubeObject>(
  admin: Client,
  type: ResourceType<T>,
  name: string,
  namespace: string | undefined,
  check: (object: T | undefined) => boolean,
): Promise<T | undefined> {
  const resource = admin.resource(type);
  const limit = AbortSignal.timeout(10_000);
  const { items, metadata } = await resource.list({ namespace, fieldSelector: `metadata.name=${name}` });
  let seen: T | undefined = items[0];
  if (check(seen)) return seen;
  const { resourceVersion } = metadata ?? {};
  const fieldSelector = `metadata.name=${name}`;
  for await (const event of resource.watch({ namespace, fieldSelector, resourceVersion, signal: limit })) {
    if (event.type === "BOOKMARK" || event.type === "ERROR") continue;
    seen = event.type === "DELETED" ? undefined : event.object;
    if (check(seen)) return seen;
  }
  throw new Error(`${type.resource} ${name} did not get there: ${JSON.stringify(seen, null, 1)}`);
}
