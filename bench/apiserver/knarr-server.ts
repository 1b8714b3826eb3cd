/** The server that is measured: `knarr kube-apiserver` as it comes, over a store that is filled beforehand. */
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { getHeapSnapshot } from "node:v8";
import { Command } from "commander";
import { storedBytes } from "../../src/apiserver/registry/object-bytes.ts";
import { systemMachine } from "../../src/base/machine.ts";
import { define } from "../../src/cli/commands/kube-apiserver.ts";
import { terminalConsole } from "../../src/cli/console.ts";
import { configMap, runningPod } from "./objects.ts";
import { serveCommands } from "./process.ts";
import { startProfile } from "./profile.ts";
import { openStore } from "./store.ts";

export interface ServerArguments {
  /** With the certificates, and for the store. */
  directory: string;
  port: number;
  /** How many of each are put into the store, in the namespace `bench`. */
  pods: number;
  configMaps: number;
  configMapBytes: number;
}

const machine = systemMachine({ keepAlive: true });
const stopping = new AbortController();
let running: Promise<unknown> | undefined;

/** Fills the store, a portion at a time. */
async function fill({ directory, pods, configMaps, configMapBytes }: ServerArguments): Promise<void> {
  const store = await openStore(directory);
  const write = async (count: number, resource: string, make: (index: number) => ReturnType<typeof runningPod>) => {
    for (let from = 0; from < count; from += 1000) {
      const indexes = Array.from({ length: Math.min(1000, count - from) }, (_, offset) => from + offset);
      await Promise.all(
        indexes.map((index) => {
          const object = make(index);
          return store.compareAndSwap(`/registry/${resource}/bench/${object.metadata!.name}`, 0, storedBytes(object));
        }),
      );
    }
  };
  await write(pods, "pods", (index) => runningPod("bench", index));
  await write(configMaps, "configmaps", (index) => {
    const object = configMap("bench", `seed-${index}`, configMapBytes);
    const uid = `b0dd37c0-5c3b-4d7e-af12-${index.toString(16).padStart(12, "0")}`;
    return { ...object, metadata: { ...object.metadata, uid, creationTimestamp: "2026-01-02T03:04:05Z" } };
  });
  await store.close();
}

function start({ directory, port }: ServerArguments): void {
  const program = new Command("knarr").exitOverride();
  define(program, {
    machine,
    console: terminalConsole(process.stdout, process.stderr, () => machine.clock.monotonic()),
    environment: process.env,
    pid: process.pid,
    workingDirectory: directory,
    program: [process.execPath, process.argv[1]!],
    exitCode: 0,
    stopRequested: stopping.signal,
  });
  const path = (name: string) => `${directory}/${name}`;
  const flags = {
    "data-dir": directory,
    "bind-address": "127.0.0.1",
    "advertise-address": "192.0.2.10",
    "secure-port": port,
    "tls-cert-file": path("server.crt"),
    "tls-private-key-file": path("server.key"),
    "client-ca-file": path("ca.crt"),
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-signing-key-file": path("sa.key"),
  };
  const given = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  running = program.parseAsync(["kube-apiserver", ...given], { from: "user" }).catch((error) => {
    console.error(error);
    process.exit(1);
  });
}

serveCommands({
  fill,
  start,
  profile: startProfile,
  async heapSnapshot(path: string) {
    await pipeline(getHeapSnapshot(), createWriteStream(path));
  },
  memory: () => process.memoryUsage(),
});
process.on("SIGTERM", async () => {
  stopping.abort();
  await running;
  process.exit(0);
});
