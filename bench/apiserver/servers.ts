import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Credentials, testAuthority } from "./credentials.ts";
import { Http1Connection, http1Request } from "./http1-load.ts";
import type { ServerArguments } from "./knarr-server.ts";
import { type BenchProcess, startProcess } from "./process.ts";

export interface Server {
  readonly process: BenchProcess;
  /** For HTTP/1.1, and for HTTP/2. */
  readonly port: number;
  readonly http2Port: number;
}

export interface KnarrServer extends Server {
  readonly directory: string;
  /** May do everything. */
  readonly admin: Credentials;
  /** May do what a role allows it, as nearly every client. */
  readonly user: Credentials;
}

/** Starts the API server over a store that holds so many objects, with the namespace `bench`. */
export async function knarrServer(
  programs: string,
  content: Partial<Pick<ServerArguments, "pods" | "configMaps" | "configMapBytes">> = {},
  nodeFlags: readonly string[] = [],
): Promise<KnarrServer> {
  const directory = await mkdtemp(join(tmpdir(), "knarr-bench-server-"));
  const issue = await testAuthority(directory);
  const options = { directory, port: await freePort(), pods: 0, configMaps: 0, configMapBytes: 0, ...content };
  const filling = await startProcess(join(programs, "knarr-server.js"), nodeFlags);
  await filling.call("fill", options);
  await filling.stop();
  const process = await startProcess(join(programs, "knarr-server.js"), nodeFlags);
  await process.call("start", options);
  const server = {
    process,
    directory,
    port: options.port,
    http2Port: options.port,
    admin: issue("admin", ["system:masters"]),
    user: issue("jane"),
  };
  await prepare(server);
  return {
    ...server,
    process: {
      ...process,
      async stop() {
        await process.stop();
        await rm(directory, { recursive: true });
      },
    },
  };
}

/** Waits until the server is ready, and lets the ordinary user work in the namespace. */
async function prepare({ port, admin }: { port: number; admin: Credentials }): Promise<void> {
  const until = performance.now() + 60_000;
  let connection: Http1Connection;
  for (;;) {
    try {
      connection = await Http1Connection.open(port, admin);
      if ((await connection.send(http1Request("GET", "/readyz"))).status === 200) break;
      connection.close();
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const create = async (path: string, body: object) => {
    const answer = await connection.send(http1Request("POST", path, { body }), true);
    if (answer.status !== 201) throw new Error(`${path}: ${answer.body}`);
  };
  await create("/api/v1/namespaces", { metadata: { name: "bench" } });
  await create("/api/v1/namespaces/bench/serviceaccounts", { metadata: { name: "default" } });
  await create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "bench" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }],
  });
  connection.close();
}

/** Starts the ceiling: see bare-server.ts. */
export async function bareServer(programs: string, directory: string): Promise<Server> {
  const process = await startProcess(join(programs, "bare-server.js"));
  const [port, http2Port] = [await freePort(), await freePort()];
  await process.call("start", { directory, port, http2Port });
  return { process, port, http2Port };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
